"""Many trees on the same units, against one tree at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

import pytest
import torch
from torch import Tensor

from ZeroShotProxy.programs import together
from ZeroShotProxy.programs.errors import ProgramError, WritingError
from ZeroShotProxy.programs.operations import OPERATIONS, Operation, apply
from ZeroShotProxy.programs.running import Program
from ZeroShotProxy.programs.statistics import statistics_of_units
from ZeroShotProxy.programs.together import Together, Value, scores
from ZeroShotProxy.programs.tree import Call, Leaf, Tree, parse, size

from .test_running import statistics
from .test_statistics import probe
from .trees import random_tree

UNITS = [statistics(seed) for seed in range(3)]


def alone(tree: Tree, to_scalar: str = "mean") -> Value:
    program = Program(tree, to_scalar=to_scalar)  # type: ignore[arg-type]
    try:
        return sum(program._numbered(i, len(UNITS), unit) for i, unit in enumerate(UNITS, start=1)) / len(UNITS)
    except ProgramError as error:
        return str(error)


def generation(count: int, seed: int) -> list[Tree]:
    """Random trees of which many share subtrees, and some are equal."""
    rng = Random(seed)
    trees = [random_tree(rng, 4) for _ in range(count)]
    trees += [Call("add", (rng.choice(trees), rng.choice(trees))) for _ in range(count)]
    return [*trees, *trees[:5]]


@pytest.mark.parametrize("to_scalar", ["mean", "l2"])
@pytest.mark.parametrize("most_bytes", [0, 3000, together.MOST_BYTES])
def test_together_is_what_each_is_alone(to_scalar: str, most_bytes: int) -> None:
    trees = generation(60, seed=1)
    found = scores(trees, UNITS, to_scalar, most_bytes)  # type: ignore[arg-type]
    assert found == [alone(tree, to_scalar) for tree in trees]
    assert 30 < sum(isinstance(value, float) for value in found) < len(trees)


def test_the_score_of_a_network_is_that_of_its_program() -> None:
    trees = [parse(text) for text in ("square(frobenius(pre_noise))", "logdet(grad_input_data)")]
    names = {"pre_noise", "grad_input_data"}
    assert scores(trees, statistics_of_units(probe(), names)) == [Program(tree).score(probe()) for tree in trees]
    with pytest.raises(ProgramError) as failed:
        Program(parse("add(input_data, output_data)")).score(probe())
    units = statistics_of_units(probe(), {"input_data", "output_data"})
    assert scores([parse("add(input_data, output_data)")], units) == [str(failed.value)]
    assert scores(trees, []) == ["the network has no units"] * 2


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    calls: Counter[str] = Counter()

    def call(name: str, arguments: Sequence[Tensor]) -> Tensor:
        calls[name] += 1
        return apply(name, arguments)

    monkeypatch.setattr(together, "apply", call)
    return calls


def test_equal_subtrees_of_different_trees_are_evaluated_once(counted: Counter[str]) -> None:
    texts = ("mul(exp(abs(weight)), weight)", "exp(abs(weight))", "mean(exp(abs(weight)))", "exp(abs(pre_data))")
    Together([parse(text) for text in texts]).numbers(UNITS[0])
    assert counted == {"abs": 2, "exp": 2, "mul": 1, "mean": 1}


def test_what_fails_is_not_tried_again(counted: Counter[str]) -> None:
    texts = ("abs(logdet(bad))", "exp(logdet(bad))", "abs(weight)")
    trees = [parse(text.replace("bad", "add(weight, pre_data)")) for text in texts]
    first, second, third = scores(trees, UNITS)
    assert first == second == alone(trees[0])
    assert isinstance(third, float)
    assert counted == {"add": 1, "abs": len(UNITS)}


def test_values_are_kept_no_longer_than_they_are_read() -> None:
    shared = Call("abs", (Leaf("weight"),))
    one = Together([Call("exp", (shared,)), Call("mean", (shared,)), Call("exp", (Leaf("weight"),))])
    unit = together._Unit(one, UNITS[0])
    assert not unit._kept
    unit.value(one.roots[0])
    assert unit._bytes == UNITS[0]["weight"].nbytes
    unit.value(one.roots[1])
    assert (unit._bytes, unit._kept) == (0, {})


@pytest.mark.parametrize("most_bytes", [0, 1000])
def test_memory_is_bounded(most_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    keep: Callable[..., None] = together._Unit._keep

    def watched(self: together._Unit, number: int, value: Tensor) -> None:
        nonlocal largest
        keep(self, number, value)
        largest = max(largest, sum(x.nbytes for x in self._kept.values()))
        assert sum(x.nbytes for x in self._kept.values()) == self._bytes

    monkeypatch.setattr(together._Unit, "_keep", watched)
    scores(generation(40, seed=2), UNITS, most_bytes=most_bytes)
    assert largest <= most_bytes


def test_an_operation_that_writes_into_its_argument_ends_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, "exp", Operation(11, "exp", 1, lambda x: x.exp_()))
    given = {"weight": torch.ones(2, 2)}
    with pytest.raises(WritingError, match="the operation exp writes into its argument"):
        scores([parse("exp(weight)")], [given])


def test_steps_are_different_subtrees() -> None:
    trees = generation(30, seed=3)
    steps = Together(trees).steps
    assert len(set(steps)) == len(steps) < sum(map(size, trees))
