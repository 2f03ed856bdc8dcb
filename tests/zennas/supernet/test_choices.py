"""Choices in a user's model: keys, reductions, masks, what is refused, and bytes kept for the backward pass."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from PlainNet import BlockSpec
from PlainNet.lowering import part_graph
from PlainNet.modules import block_module
from zennas.supernet import InputChoice, LayerChoice
from zennas.supernet.checking import check_outputs
from zennas.supernet.decisions import ALL, BINARY_MODES, FULL, FULL_V2, TWO, Decisions
from zennas.supernet.errors import SupernetError
from zennas.supernet.memory import kept_for_backward


class Times(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor, *, plus: float = 0.0) -> Tensor:
        return self.factor * x + plus


def test_candidates_have_names_and_a_shared_key_is_one_decision() -> None:
    model = nn.Sequential(
        LayerChoice(OrderedDict(double=Times(2), triple=Times(3)), key="first"),
        LayerChoice([Times(5), Times(7)]),
        LayerChoice([Times(11), Times(13)], key="first"),
    )
    decisions = Decisions(model)
    assert [(d.key, d.options) for d in decisions] == [("first", ("double", "triple")), ("1", ("0", "1"))]
    x = torch.ones(1)
    decisions.choose({"first": (1,), "1": (0,)})
    assert float(model(x)) == 3 * 5 * 13
    decisions.choose({"first": (0,), "1": (1,)})
    assert float(model(x)) == 2 * 7 * 11


@pytest.mark.parametrize(
    ("reduction", "expected"), [("sum", 5.0), ("mean", 2.5), ("concat", [2.0, 3.0]), ("none", [2.0, 3.0])]
)
def test_several_that_are_chosen_are_reduced(reduction: str, expected: Any) -> None:
    layer = LayerChoice([Times(2), Times(7), Times(3)], reduction=reduction, return_mask=True, key="a")
    Decisions(layer).choose({"a": (0, 2)})
    output, mask = layer(torch.ones(1, 1))
    assert mask.tolist() == [True, False, True]
    found = [float(one) for one in output] if reduction == "none" else output.squeeze().tolist()
    assert found == expected


def test_inputs_are_chosen_by_place_or_by_name() -> None:
    by_place = InputChoice(n_candidates=3, n_chosen=2, key="a", return_mask=True)
    Decisions(by_place).choose({"a": (0, 2)})
    tensors = [torch.tensor([float(n)]) for n in (1, 10, 100)]
    output, mask = by_place(tensors)
    assert (float(output), mask.tolist()) == (101.0, [True, False, True])
    by_name = InputChoice(choose_from=["left", "right"], n_chosen=1, key="b")
    Decisions(by_name).choose({"b": (1,)})
    assert float(by_name({"left": tensors[0], "right": tensors[1], "other": tensors[2]})) == 10.0
    none = InputChoice(n_candidates=3, key="c")
    Decisions(none).choose({"c": ()})
    assert float(none(tensors)) == 0.0
    with pytest.raises(SupernetError, match="got 2 tensors, expected 3"):
        none(tensors[:2])
    with pytest.raises(SupernetError, match="no tensor named right, expected left, right"):
        by_name({"left": tensors[0]})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LayerChoice([]), "a LayerChoice has no candidates"),
        (
            lambda: LayerChoice([nn.Identity()], reduction="max"),
            "reduction is 'max', expected sum, mean, concat or none",
        ),
        (lambda: InputChoice(), "needs n_candidates or choose_from"),
        (lambda: InputChoice(n_candidates=3, choose_from=["a"]), "n_candidates is 3, but choose_from has 1"),
        (lambda: InputChoice(n_candidates=2, n_chosen=3), "n_chosen is 3, expected 1 to 2, or None"),
        (lambda: InputChoice(n_candidates=0), "n_candidates is 0, expected at least 1"),
    ],
)
def test_choices_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(SupernetError, match=message):
        make()


def test_models_that_cannot_be_searched() -> None:
    unequal = nn.Sequential(LayerChoice([nn.Identity(), nn.ReLU()], key="a"), LayerChoice([nn.Identity()], key="a"))
    with pytest.raises(SupernetError, match="with the key a are one decision, but one has 2 candidates and another 1"):
        Decisions(unequal)
    with pytest.raises(SupernetError, match="no LayerChoice and no InputChoice"):
        Decisions(nn.Linear(2, 2))
    with pytest.raises(SupernetError, match="several chosen inputs and reduction concat: a search needs sum or mean"):
        Decisions(InputChoice(n_candidates=3, n_chosen=2, reduction="concat", key="a"))
    with pytest.raises(SupernetError, match="nobody makes the decision of a LayerChoice"):
        LayerChoice([nn.Identity()])(torch.ones(1))


def test_candidates_of_different_shapes_are_named() -> None:
    model = nn.Sequential(
        LayerChoice([nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 3, padding=1)], key="good"),
        LayerChoice({"same": nn.BatchNorm2d(4), "half": nn.MaxPool2d(2)}, key="bad"),
    )
    decisions = Decisions(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(
        SupernetError, match=r"of the choice bad give different shapes: same gives \(2, 4, 8, 8\) and half"
    ):
        check_outputs(model, decisions, torch.randn(2, 3, 8, 8))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    check_outputs(model[:1], Decisions(model[:1]), torch.randn(2, 3, 8, 8))


def test_the_best_candidates_and_ties() -> None:
    layer = LayerChoice([nn.Identity() for _ in range(4)], key="a")
    (decision,) = Decisions(layer)
    assert decision.best() == (0,)
    decision.alpha.data = torch.tensor([0.0, 1.0, 1.0, 0.5], dtype=torch.float64)
    assert decision.best() == (1,)


def test_draws_follow_the_probabilities() -> None:
    layer = LayerChoice([nn.Identity() for _ in range(3)], key="a")
    decisions = Decisions(layer)
    (decision,) = decisions
    decision.alpha.data = torch.log(torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    counts = [0, 0, 0]
    for _ in range(3000):
        counts[decision.drawn(generator)[0]] += 1
    for count, p in zip(counts, (0.2, 0.5, 0.3), strict=True):
        assert abs(count - 3000 * p) < 4 * (3000 * p * (1 - p)) ** 0.5


def kept(mode: str | None) -> int:
    """Bytes kept by six edges of seven candidates, inverted residuals and nothing, for a batch 16×3×32×32.

    mode: None for a single path, of kernel 7 and expansion 6.
    """
    torch.manual_seed(0)

    def unit(kernel: int, expansion: int) -> nn.Module:
        return block_module(part_graph([BlockSpec("MBConv", (3, 3, kernel, expansion, 1))], 32), 0)

    units = [[unit(k, e) for e in (3, 6) for k in (3, 5, 7)] for _ in range(6)]
    model = nn.Sequential(*(LayerChoice([*own, nn.Identity()], key=str(i)) for i, own in enumerate(units)))
    decisions, images = Decisions(model), torch.randn(16, 3, 32, 32)
    for decision in decisions:  # the path that is drawn, almost surely; its pair is drawn from the others
        decision.alpha.data[5] = 30.0
    if mode is None:
        decisions.choose(decisions.best())
    else:
        decisions.open_gates(mode, torch.Generator().manual_seed(0), images.device)
        assert mode == ALL or all(decision.active == (5,) for decision in decisions)
    with kept_for_backward([*model.parameters(), *model.buffers(), images]) as count:
        model(images).square().mean()
    return count.bytes


def test_bytes_kept_for_the_backward_pass() -> None:
    one = kept(None)
    ratios = {mode: kept(mode) / one for mode in (*BINARY_MODES, ALL)}
    assert ratios[FULL_V2] <= 1.01
    assert 1.01 < ratios[TWO] <= 1.36
    assert ratios[TWO] < ratios[FULL] <= 1.57
    assert 4 <= ratios[ALL] < 5
