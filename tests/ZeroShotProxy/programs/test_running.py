"""Programs on units and networks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
import torch
from torch import Tensor

from ZeroShotProxy.programs import running
from ZeroShotProxy.programs.errors import ProgramError
from ZeroShotProxy.programs.operations import apply
from ZeroShotProxy.programs.running import Program, evaluate
from ZeroShotProxy.programs.statistics import STATISTICS
from ZeroShotProxy.programs.tree import Leaf, Tree, parse

from .test_statistics import probe
from .trees import random_tree


def statistics(seed: int = 0) -> dict[str, Tensor]:
    """Those of one unit with 4 channels, for a batch of 2."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {name: (4, 4, 3, 3) if "weight" in name else (2, 4, 5, 5) for name in STATISTICS}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def plain(tree: Tree, given: dict[str, Tensor]) -> Tensor:
    if isinstance(tree, Leaf):
        return given[tree.statistic].clone()
    return apply(tree.operation, [plain(argument, given) for argument in tree.arguments])


def test_random_programs_leave_the_statistics_alone_whatever_ran_before() -> None:
    rng, given, before = Random(1), statistics(), statistics()
    ran = 0
    for _ in range(400):
        tree = random_tree(rng, 5)
        try:
            found = evaluate(tree, given)
        except ProgramError:
            continue
        finally:
            assert all(torch.equal(given[name], before[name]) for name in before), tree
        torch.testing.assert_close(found, plain(tree, statistics()), equal_nan=True)
        ran += 1
    assert ran > 200


def test_equal_subtrees_are_evaluated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()

    def counted(name: str, arguments: Sequence[Tensor]) -> Tensor:
        calls[name] += 1
        return apply(name, arguments)

    monkeypatch.setattr(running, "apply", counted)
    evaluate(parse("add(exp(abs(weight)), mul(exp(abs(weight)), abs(weight)))"), statistics())
    assert calls == {"abs": 1, "exp": 1, "mul": 1, "add": 1}


def test_the_value_of_a_unit_is_reduced_to_a_number() -> None:
    given = {"weight": torch.tensor([[3.0, -4.0]])}
    tree = Leaf("weight")
    assert Program(tree).of_unit(given) == -0.5
    assert Program(tree, to_scalar="l2").of_unit(given) == 5
    assert Program(parse("frobenius(weight)")).of_unit(given) == 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("exp(exp(exp(exp(weight))))", "the program gives inf"),
        ("inverse(zeros(weight))", "the program gives inf"),
        ("mul(zeros(weight), inverse(zeros(weight)))", "the program gives nan"),
        ("logdet(pre_data)", r"logdet of \(2, 4, 5, 4\) is not possible: it needs square matrices"),
        ("add(weight, pre_data)", r"add of \(4, 4, 3, 3\) and \(2, 4, 5, 4\) is not possible"),
    ],
)
def test_failures_of_a_unit(text: str, says: str) -> None:
    given = {**statistics(), "pre_data": torch.ones(2, 4, 5, 4)}
    with pytest.raises(ProgramError, match=says):
        Program(parse(text)).of_unit(given)


def test_infinities_on_the_way_are_allowed() -> None:
    assert Program(parse("sigmoid(logdet(zeros(weight)))")).of_unit(statistics()) == 0


def test_the_score_is_the_mean_over_units_and_no_unit_is_left_out() -> None:
    first, second = 6 * 4 * 3 * 3, 6 * 6
    assert Program(parse("numel(weight)")).score(probe()) == (first + second) / 2
    assert math.isfinite(Program(parse("logdet(grad_input_data)")).score(probe()))
    with pytest.raises(ProgramError, match=r"unit 1 of 2: add of \(5, 4, 6, 6\) and \(5, 6, 3, 3\) is not possible"):
        Program(parse("add(input_data, output_data)")).score(probe())
