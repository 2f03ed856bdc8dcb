"""Spaces that are written as one structure with choices: ProxylessNAS's for phones, and NAS-Bench-Macro."""

from __future__ import annotations

from math import prod
from random import Random

import pytest

import ZenNet
from PlainNet import cost, parse
from PlainNet.choices import choices_of, chosen
from SearchSpace import SearchSpaceError, load_space
from SearchSpace.choices import ChoiceSpace
from SearchSpace.mobile import mobile
from SearchSpace.nasbench_macro import all_choices, network, supernet


def test_the_mobile_space_has_as_many_choices_as_published() -> None:
    assert prod(len(decision.options) for decision in mobile().decisions()) == 6**6 * 7**15
    assert f"{6**6 * 7**15:.1e}" == "2.2e+17"


def test_the_published_mobile_network_is_wider_than_the_space() -> None:
    """With the width that was searched, 24 in place of 32, it is in the space, and costs what is known of it."""
    published = parse(ZenNet.model_info("proxylessnas_mobile")["structure"])
    assert not mobile().contains(published)
    text = str(published).replace("MBConv(16,32,", "MBConv(16,24,").replace("MBConv(32,32,", "MBConv(24,24,")
    searched = parse(text.replace("MBConv(32,40,", "MBConv(24,40,"))
    picks = mobile().encode(searched)
    assert mobile().decode(picks) == searched
    assert f"{cost(searched, resolution=224, num_classes=1000).flops / 1e6:.1f}" == "304.2"


def test_encodings_of_a_space_with_nothing_among_its_options() -> None:
    space, rng = mobile(), Random(3)
    for _ in range(30):
        structure = space.sample(rng)
        assert space.decode(space.encode(structure)) == structure
        mutated = space.mutate(structure, rng, changes=2)
        assert space.contains(mutated)
    assert not space.contains(parse("ConvKX(3,32,3,2)BN(32)RELU6(32)"))
    with pytest.raises(SearchSpaceError, match="is not a network of mobile"):
        space.encode(parse("ConvKX(3,32,3,2)"))


def test_the_supernet_of_nasbench_macro_has_its_networks() -> None:
    space = load_space("nasbench-macro")
    assert tuple(choice.name for choice in choices_of(supernet())) == tuple(d.name for d in space.decisions())  # type: ignore[attr-defined]
    assert parse(str(supernet())) == supernet()
    for picks in all_choices()[::97]:
        assert chosen(supernet(), picks) == network(picks)


def test_decisions_at_several_places_are_made_once() -> None:
    text = "ConvKX(3,8,3,1)Choice{a|RELU(8);BN(8)}Choice{Zero(8);Identity(8)}Choice{a|RELU(8);BN(8)}"
    space = ChoiceSpace(parse(text), name="mine")
    assert [decision.name for decision in space.decisions()] == ["a", "choice2"]
    assert space.encode(parse("ConvKX(3,8,3,1)BN(8)BN(8)")) == (1, 1)
    assert not space.contains(parse("ConvKX(3,8,3,1)BN(8)RELU(8)"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ConvKX(3,8,3,1)", r"has no Choice\{…\}, expected at least one"),
        ("ConvKX(3,8,3,1)Choice{a|RELU(8)}Choice{a|RELU(8);BN(8)}", "named a are one decision"),
    ],
)
def test_structures_that_are_no_space(text: str, message: str) -> None:
    with pytest.raises(SearchSpaceError, match=message):
        ChoiceSpace(parse(text))
