"""RAM in the loss: that of whole networks, and its exact expectation."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
import torch
from torch import nn

from PlainNet import parse
from PlainNet.cost import CostModel
from PlainNet.ram import RamModel
from PlainNet.sizes import Sides, Size
from tests.zennas.supernet.searches import decisions_of
from zennas.supernet.choices import InputChoice
from zennas.supernet.decisions import Decisions
from zennas.supernet.errors import SupernetError
from zennas.supernet.peaks import PeakTable, ram_table
from zennas.supernet.spaces import Cells, Choices, open_space

WRITTEN = (
    "Choice{a|ConvKX(3,8,3,2);ConvKX(3,24,1,1)ConvKX(24,8,3,2)}BN(8)RELU(8)"
    "Choice{b|MBConv(8,8,3,6,1);Identity(8)}Choice{b|MBConv(8,8,5,3,1);Identity(8)}"
)


def written() -> Choices:
    return Choices("written", parse(WRITTEN))


@pytest.mark.parametrize("name", ["mobile", "nas-bench-macro", "written"])
@pytest.mark.parametrize("size", [64, Sides(64, 96)])
def test_the_peak_is_that_of_whole_networks(name: str, size: Size) -> None:
    space, rng = written() if name == "written" else open_space(name), Random(0)
    table, whole = ram_table(space, resolution=size, num_classes=7), RamModel(CostModel(size, 7))
    for _ in range(20):
        picks = {key: (rng.randrange(len(options)),) for key, options in space.options.items()}
        assert table.of(picks) == whole(space.network(picks))


def test_the_expectation_is_the_mean_over_all_networks() -> None:
    table = PeakTable("ram", "bytes", 5.0, {"a": (1.0, 7.0), "b": (9.0, 5.0, 2.0), "c": (7.0, 3.0)})
    decisions = decisions_of({"a": ("0", "1"), "b": ("0", "1", "2"), "c": ("0", "1")})
    decisions.initialise("normal", 1.0, torch.Generator().manual_seed(0))
    table.check(decisions)
    shares = [decision.shares() for decision in decisions]
    mean = torch.zeros((), dtype=torch.float64)
    for picks in product(range(2), range(3), range(2)):
        probability = shares[0][picks[0]] * shares[1][picks[1]] * shares[2][picks[2]]
        mean = mean + probability * table.of({key: (pick,) for key, pick in zip("abc", picks, strict=True)})
    expected = table.expected(decisions)
    assert float(expected.detach()) == pytest.approx(float(mean.detach()), rel=1e-12)
    for own, other in zip(
        torch.autograd.grad(expected, decisions.parameters()),
        torch.autograd.grad(mean, decisions.parameters()),
        strict=True,
    ):
        assert torch.allclose(own, other, rtol=0, atol=1e-12)


def test_a_peak_below_the_fixed_part_costs_nothing_more() -> None:
    table = PeakTable("ram", "bytes", 5.0, {"a": (1.0, 4.0)})
    decisions = decisions_of({"a": ("0", "1")})
    expected = table.expected(decisions)
    assert float(expected.detach()) == 5
    assert table.of({"a": (1,)}) == 5


def test_what_has_no_peak() -> None:
    with pytest.raises(SupernetError, match="do not run one after another: leave out --ref-ram"):
        ram_table(Cells(), resolution=32, num_classes=10)
    several = Decisions(nn.Sequential(InputChoice(n_candidates=3, n_chosen=2, key="x")))
    with pytest.raises(SupernetError, match="x chooses several"):
        PeakTable("ram", "bytes", 1.0, {"x": (1.0, 2.0, 3.0)}).check(several)
