"""Sequential programs: text, trees, files."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor

from ZeroShotProxy.programs.errors import ProgramError, WrongProgramError
from ZeroShotProxy.programs.files import load
from ZeroShotProxy.programs.operations import OPERATIONS, apply, shape_of
from ZeroShotProxy.programs.running import evaluate
from ZeroShotProxy.programs.sequential import (
    DYNAMIC,
    NUMBERS,
    SCALAR,
    Instruction,
    Sequential,
    parse_sequential,
)
from ZeroShotProxy.programs.statistics import STATISTICS
from ZeroShotProxy.programs.tree import parse

from .test_running import statistics

EZNAS_A = "d0 = sign(grad_pre_data); d1 = logdet(d0)\n d1 = sigmoid(d1) ; s0 = frobenius(d1);"


def drawn(rng: Random, count: int) -> Sequential:
    lines: list[Instruction] = []
    for _ in range(count):
        name = rng.choice(list(OPERATIONS))
        known = [*STATISTICS, *(one.address for one in lines)]
        address = rng.choice(SCALAR if name in NUMBERS else DYNAMIC)
        lines.append(Instruction(address, name, tuple(rng.choice(known) for _ in range(OPERATIONS[name].arity))))
    return Sequential(tuple(lines))


def executed(program: Sequential, given: dict[str, Tensor]) -> Tensor:
    """The plain way: with a memory, instruction by instruction."""
    memory = dict(given)
    for one in program.instructions:
        memory[one.address] = apply(one.operation, [memory[argument] for argument in one.arguments])
    return memory[program.instructions[-1].address]


def test_addresses_are_as_many_as_in_the_paper() -> None:
    assert (len(STATISTICS), len(DYNAMIC), len(SCALAR)) == (22, 80, 20)
    for name, operation in OPERATIONS.items():
        found = {shape_of(name, [shape] * operation.arity) for shape in ((4, 4), (1, 4, 3, 3))}
        assert (found == {()}) == (name in NUMBERS), name


def test_text_and_tree() -> None:
    program = parse_sequential(EZNAS_A)
    assert program.tree == parse("frobenius(sigmoid(logdet(sign(grad_pre_data))))")
    assert str(program) == ("d0 = sign(grad_pre_data); d1 = logdet(d0); d1 = sigmoid(d1); s0 = frobenius(d1)")
    rng = Random(3)
    for _ in range(50):
        one = drawn(rng, rng.randint(1, 12))
        assert parse_sequential(str(one)) == one


def test_the_tree_gives_what_the_instructions_give() -> None:
    rng, given, ran = Random(4), statistics(), 0
    for _ in range(300):
        program = drawn(rng, rng.randint(1, 10))
        try:
            wanted = executed(program, given)
        except ProgramError:  # also of an instruction whose result nobody reads
            continue
        torch.testing.assert_close(evaluate(program.tree, given), wanted, rtol=0, atol=0, equal_nan=True)
        ran += 1
    assert ran > 60


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the program has no instruction"),
        ("d0 = exp(weight); d1 = add(d0, d2)", "instruction 2 reads d2, to which nothing has been written"),
        ("d0 = exp(d0)", "instruction 1 reads d0, to which"),
        ("d80 = exp(weight)", "instruction 1: it writes to 'd80', expected d0 to d79, or s0 to s19 for numbers"),
        ("weight = exp(weight)", "instruction 1: it writes to 'weight'"),
        ("s0 = exp(weight)", "instruction 1: exp writes to s0, but need not give a number: expected d0 to d79"),
        ("d0 = exp(weight, weight)", "instruction 1: exp has 2 arguments, expected 1"),
        ("d0 = expo(weight)", "instruction 1: unknown operation 'expo' .did you mean exp"),
        ("d0 = exp(weigth)", "instruction 1: unknown statistic 'weigth'"),
        ("d0 = exp(exp(weight))", "instruction 1 is 'd0 = exp.exp.weight..', expected such as"),
        ("d0 = exp(weight) d1", "instruction 1 is "),
        ("; ".join(["d0 = add(weight, weight)", *["d0 = add(d0, d0)"] * 20]), "a tree of 4194303 nodes and depth 21"),
    ],
)
def test_texts_of_no_program(text: str, says: str) -> None:
    with pytest.raises(WrongProgramError, match=says):
        parse_sequential(text)


def test_a_file_may_have_instructions(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'program = """\n{EZNAS_A}"""')
    assert load(str(path)).program.tree == load("eznas_a").program.tree
    path.write_text('program = "d0 = exp(d1)"')
    with pytest.raises(WrongProgramError, match=r"mine\.toml: instruction 1 reads d1"):
        load(str(path))
