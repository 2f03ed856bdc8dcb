"""Structures with choices: text, what is refused, and the networks that they become."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

import pytest
import torch

from PlainNet import ParseError, Structure, StructureError, build, cost, lower, parse
from PlainNet.choices import choices_of, chosen

STEM = "ConvKX(3,8,3,1)"
OPEN = (
    STEM + "Choice{MBConv(8,8,3,3,1);ConvKX(8,8,5,1)BN(8);Identity(8)}Choice{b|RELU(8);Zero(8)}Choice{b|BN(8);RELU6(8)}"
)


def test_the_text_of_a_choice_is_read_again() -> None:
    structure = parse(OPEN)
    assert str(structure) == OPEN
    assert parse(f" {OPEN} ".replace(";", " ;\n ").replace("{", " { ").replace("b|", "b| ")) == structure


def test_one_decision_for_each_name() -> None:
    first, second = choices_of(parse(OPEN))
    assert (first.name, first.places, len(first.options)) == ("choice1", (1,), 3)
    assert (second.name, second.places) == ("b", (2, 3))
    assert second.options == ("RELU(8)", "Zero(8)")


def test_a_decision_makes_an_ordinary_network_and_identities_vanish() -> None:
    structure = parse(OPEN)
    expected = {
        (0, 0): "MBConv(8,8,3,3,1)RELU(8)BN(8)",
        (1, 1): "ConvKX(8,8,5,1)BN(8)Zero(8)RELU6(8)",
        (2, 0): "RELU(8)BN(8)",
    }
    for picks, text in expected.items():
        assert str(chosen(structure, picks)) == STEM + text
    for picks in product(range(3), range(2)):
        assert cost(chosen(structure, picks)).params > 0


@pytest.mark.parametrize(
    "interpreter",
    [
        cost,
        build,
        lambda structure: lower(structure, resolution=32),
        lambda structure: cost(structure, resolution=8, num_classes=None),
    ],
)
def test_an_open_choice_is_refused_in_one_line(interpreter: Callable[[Structure], object]) -> None:
    with pytest.raises(StructureError, match=r"^a Choice has 3 alternatives, .*: choose first") as caught:
        interpreter(parse(OPEN))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        (
            "Choice{ConvKX(8,8,3,1);ConvKX(8,8,3,2)}",
            "alternative 2 gives 8×512×512, but alternative 1 gives 8×1024",
            16,
        ),
        ("Choice{ConvKX(8,8,3,1);ConvKX(8,16,3,1)}", "alternative 2 gives 16×", 16),
        ("Choice{ConvKX(8,8,3,1);ConvKX(16,8,3,1)}", "branch 2 takes 16 channels, but branch 1 takes 8", 16),
        ("Sequential(Choice{RELU(8);BN(8)})", "stands between the blocks of a structure", 27),
        ("Choice(RELU(8);BN(8))", "expected { after Choice", 22),
        ("Choice{RELU(8);BN(8))", "expected }, ; or another block, got ')'", 36),
        ("Choice{}", "expected the name of a block", 23),
    ],
)
def test_what_is_no_choice(text: str, message: str, column: int) -> None:
    with pytest.raises(ParseError, match=re.escape(message)) as caught:
        parse(STEM + text)
    assert caught.value.column == column


def test_choices_of_one_name_need_equal_numbers_of_alternatives() -> None:
    unequal = parse(STEM + "Choice{a|RELU(8);BN(8)}Choice{a|RELU(8);BN(8);Zero(8)}")
    with pytest.raises(StructureError, match="named a are one decision, but one has 2 alternatives and another 3"):
        choices_of(unequal)


@pytest.mark.parametrize(("picks", "message"), [((0,), "got 1 decisions, expected 2"), ((3, 0), "expected 0 to 2")])
def test_decisions_that_do_not_fit(picks: tuple[int, ...], message: str) -> None:
    with pytest.raises(StructureError, match=message):
        chosen(parse(OPEN), picks)


def test_an_identity_is_its_input() -> None:
    x = torch.randn(2, 3, 5, 5)
    network = build(parse("Identity(3)"), num_classes=2)
    assert torch.equal(network.forward_pre_GAP(x), x)
    assert cost(parse("Identity(3)"), num_classes=None).flops == 0
