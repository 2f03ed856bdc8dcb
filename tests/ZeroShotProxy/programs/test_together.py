"""Many trees on the same units, against one tree at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import pytest
import torch
from torch import Tensor

from ZeroShotProxy.programs import together
from ZeroShotProxy.programs.errors import ProgramError, WritingError
from ZeroShotProxy.programs.operations import OPERATIONS, apply_to_stacks
from ZeroShotProxy.programs.running import Program
from ZeroShotProxy.programs.statistics import STATISTICS, statistics_of_units
from ZeroShotProxy.programs.together import Shapes, Together, Value, scores
from ZeroShotProxy.programs.tree import Call, Tree, parse, size

from .test_running import statistics
from .test_statistics import probe
from .trees import random_tree

UNITS = [statistics(seed) for seed in range(3)]
SIZE = 4 * 4 * 3 * 3
"""Elements of the largest statistic."""


def odd(seed: int) -> dict[str, Tensor]:
    """A unit with other shapes, of which no row is a multiple of what processors take at once."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {name: (5, 3, 1, 1) if "weight" in name else (1, 3, 7, 7) for name in STATISTICS}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


NETWORKS = [UNITS, [*(statistics(seed) for seed in range(3, 8)), odd(0)], [odd(seed) for seed in range(1, 6)]]


def alone(tree: Tree, units: Sequence[dict[str, Tensor]], to_scalar: str = "mean") -> Value:
    program = Program(tree, to_scalar=to_scalar)  # type: ignore[arg-type]
    try:
        return sum(program._numbered(i, len(units), unit) for i, unit in enumerate(units, start=1)) / len(units)
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
@pytest.mark.parametrize("stacked", [1, 2 * SIZE, together.STACKED])
def test_together_is_what_each_is_alone(
    to_scalar: str, most_bytes: int, stacked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "STACKED", stacked)
    trees = generation(60, seed=1)
    found = scores(trees, NETWORKS, to_scalar, most_bytes)  # type: ignore[arg-type]
    for tree, values in zip(trees, found, strict=True):
        for value, units in zip(values, NETWORKS, strict=True):
            wanted = alone(tree, units, to_scalar)
            assert value == wanted or (isinstance(value, str) and isinstance(wanted, str)), tree
    assert 30 < sum(isinstance(value, float) for value, *_ in found) < len(trees)


def test_the_score_of_a_network_is_that_of_its_program() -> None:
    trees = [parse(text) for text in ("square(frobenius(pre_noise))", "logdet(grad_input_data)")]
    names = {"pre_noise", "grad_input_data"}
    units = statistics_of_units(probe(), names)
    assert scores(trees, [units, units]) == [[Program(tree).score(probe())] * 2 for tree in trees]
    with pytest.raises(ProgramError) as failed:
        Program(parse("add(input_data, output_data)")).score(probe())
    units = statistics_of_units(probe(), {"input_data", "output_data"})
    assert scores([parse("add(input_data, output_data)")], [units]) == [[str(failed.value)]]
    assert scores(trees, [[]]) == [["the network has no units"]] * 2
    assert scores(trees, []) == [[], []]
    assert scores([], [units]) == []


def test_only_the_networks_of_a_unit_that_fails_have_no_score() -> None:
    infinite = {**UNITS[0], "weight": torch.full_like(UNITS[0]["weight"], torch.inf)}
    texts = ("eig_ratio(weight)", "sigmoid(weight)", "numel(abs(eig_ratio(weight)))", "frobenius(weight)")
    networks = [UNITS[:2], [UNITS[2], infinite], UNITS]
    eig, sigmoid, follows, norm = scores([parse(text) for text in texts], networks)
    wanted = "unit 2 of 2: eig_ratio of (4, 4, 3, 3) is not possible: it needs finite products of rows"
    assert [isinstance(value, float) for value in eig] == [True, False, True]
    assert eig[1] == follows[1] == wanted
    assert all(isinstance(value, float) for value in sigmoid)
    assert norm[1] == "unit 2 of 2: the program gives inf"
    assert follows[0] == follows[2] == 1


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    calls: Counter[str] = Counter()

    def call(name: str, stacks: Sequence[Tensor]) -> Tensor:
        calls[name] += len(stacks[0])
        return apply_to_stacks(name, stacks)

    monkeypatch.setattr(together, "apply_to_stacks", call)
    return calls


def test_equal_subtrees_of_different_trees_are_evaluated_once(counted: Counter[str]) -> None:
    texts = (
        *("mul(exp(abs(weight)), weight)", "exp(abs(weight))", "mul(weight, exp(abs(weight)))", "exp(abs(pre_data))"),
        *(
            "heaviside(exp(weight))",
            "positive(exp(weight))",
            "less(abs(weight), weight)",
            "greater(weight, abs(weight))",
        ),
    )
    scores([parse(text) for text in texts], [UNITS])
    assert counted == {name: each * len(UNITS) for name, each in counts("abs 2 exp 3 mul 1 positive 1 less 1").items()}


def counts(text: str) -> dict[str, int]:
    words = text.split()
    return {name: int(count) for name, count in zip(words[::2], words[1::2], strict=True)}


def test_what_follows_from_shapes_needs_no_values(counted: Counter[str]) -> None:
    trees = [
        parse(text) for text in ("exp(ones(abs(weight)))", "numel(zeros(sign(weight)))", "numel(eig_ratio(weight))")
    ]
    found = scores(trees, [UNITS])
    assert found == [[alone(tree, UNITS)] for tree in trees]
    assert counted == {"exp": len(UNITS), "eig_ratio": len(UNITS)}


def test_what_fails_by_its_shapes_is_not_evaluated(counted: Counter[str]) -> None:
    texts = ("abs(logdet(bad))", "exp(logdet(exp(bad)))", "abs(weight)")
    trees = [parse(text.replace("bad", "add(weight, pre_data)")) for text in texts]
    (first,), (second,), (third,) = scores(trees, [UNITS])
    assert first == second == alone(trees[0], UNITS)
    assert isinstance(third, float)
    assert counted == {"abs": len(UNITS)}


def stack_of(*texts: str) -> tuple[Together, together._Stack]:
    one = Together([parse(text) for text in texts])
    shapes = Shapes(one, {name: tuple(x.shape) for name, x in UNITS[0].items()})
    return one, together._Stack(one, UNITS, shapes, one.roots)


def test_values_are_kept_no_longer_than_they_are_read() -> None:
    one, stack = stack_of("exp(abs(weight))", "mean(abs(weight))", "exp(weight)")
    assert not stack._kept
    stack.value(one.roots[0])
    assert stack._bytes == len(UNITS) * UNITS[0]["weight"].nbytes
    stack.value(one.roots[1])
    assert (stack._bytes, stack._kept) == (0, {})


@pytest.mark.parametrize("most_bytes", [0, 5000])
def test_memory_is_bounded(most_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    keep: Callable[..., None] = together._Stack._keep

    def watched(self: together._Stack, number: int, value: Tensor) -> None:
        nonlocal largest
        keep(self, number, value)
        largest = max(largest, sum(x.nbytes for x in self._kept.values()))
        assert sum(x.nbytes for x in self._kept.values()) == self._bytes

    monkeypatch.setattr(together._Stack, "_keep", watched)
    scores(generation(40, seed=2), [UNITS], most_bytes=most_bytes)
    assert largest <= most_bytes
    assert largest or not most_bytes


def test_an_operation_that_writes_into_its_argument_ends_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, "exp", replace(OPERATIONS["exp"], function=lambda x: x.exp_()))
    given = {"weight": torch.ones(2, 2)}
    with pytest.raises(WritingError, match="the operation exp writes into its argument"):
        scores([parse("exp(weight)")], [[given]])


def test_steps_are_different_subtrees() -> None:
    trees = generation(30, seed=3)
    steps = Together(trees).steps
    assert len(set(steps)) == len(steps) < sum(map(size, trees))
