"""What `benchmarks/designs.py` says of a network: its anatomy, and the objections to it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks._designs.anatomy import Anatomy, anatomy, short
from benchmarks._designs.budgets import CASES
from benchmarks._designs.look import look, within
from benchmarks._designs.objections import OBJECTIONS
from benchmarks._designs.peers import mobilenet_v2, peers
from benchmarks._designs.tables import by_form, longer, raised
from benchmarks._designs.winners import read_winners
from PlainNet import cost, parse

SMALL = CASES[0]
STEM, LAST = "SuperConvK3BNRELU(3,16,1,1)", "SuperConvK1BNRELU(64,128,1,1)"
SOUND = (
    f"{STEM}BasicBlock(16,16,3,1)BasicBlock(16,32,3,2)BasicBlock(32,32,3,1)BasicBlock(32,64,3,2)BasicBlock(64,64,3,1)"
)
"""A network against whose form there is no objection."""


def form(text: str, image: int = 32) -> Anatomy:
    return anatomy(parse(text), image, 100)


def objections(text: str) -> set[str]:
    one = look("", parse(text), SMALL)
    return set(raised(one, [one]).split(", "))


def test_super_blocks_are_taken_apart_into_units() -> None:
    found = form(f"{STEM}SuperResK1K5K1(16,48,2,24,2)SuperResIDWE2K3(48,64,2,40,1){LAST}")
    assert found.trunk == (16, 48, 48, 48, 48, 40, 64, 128)
    assert [unit.side for unit in found.units] == [32, 16, 16, 16, 16, 8, 8, 8]
    assert [unit.stride for unit in found.units] == [1, 2, 1, 1, 1, 2, 1, 1]
    assert [unit.kernel for unit in found.units] == [3, 5, 5, 5, 5, 3, 3, 1]
    assert [unit.widest for unit in found.body] == [48, 48, 48, 48, 80, 128]
    assert [unit.identity for unit in found.body] == [False, True, True, True, False, False]
    assert all(unit.residual for unit in found.body)
    assert [len(stage) for stage in found.stages] == [1, 4, 3]
    assert found.convolutions == 1 + 4 * 3 + 2 * 3 + 1
    assert found.last is not None and found.last.leaves == 128


def test_units_are_parts_of_their_own() -> None:
    found = form(f"{STEM}MBConv(16,16,5,6,1)MBConv(16,24,3,6,2)BasicBlock(24,24,5,1)")
    assert found.trunk == (16, 16, 24, 24)
    assert [unit.widest for unit in found.body] == [96, 96, 24]
    assert [unit.identity for unit in found.body] == [True, False, True]
    assert found.last is None


def test_the_parts_have_all_multiply_accumulates_but_those_of_the_classifier() -> None:
    found = form(SOUND)
    assert sum(unit.flops for unit in found.units) == found.cost.flops - 64 * 100


def test_a_max_pooling_belongs_to_the_stem() -> None:
    found = anatomy(parse("SuperConvK7BNRELU(3,16,2,1)MaxPool(16,3,2)BasicBlock(16,16,3,1)"), 224, 10)
    assert [(unit.side, unit.stride) for unit in found.units] == [(56, 4), (56, 1)]


def test_there_is_no_objection_to_a_sound_network() -> None:
    assert objections(SOUND) == {"none"}
    assert objections(SOUND.replace(",3,", ",5,")) == {"large kernels"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("neck", f"{STEM}BasicBlock(16,32,3,1)BasicBlock(32,8,3,1)BasicBlock(8,64,3,2)"),
        ("8 channels", f"{STEM}BasicBlock(16,8,3,1)BasicBlock(8,16,3,2)"),
        ("falling width", f"{STEM}BasicBlock(16,32,3,1)BasicBlock(32,24,3,2)BasicBlock(24,64,3,2)"),
        ("no growth", f"{STEM}BasicBlock(16,32,3,1)BasicBlock(32,56,3,2)"),
        ("zigzag", f"{STEM}BasicBlock(16,32,3,1)BasicBlock(32,72,3,1)BasicBlock(72,72,3,2)"),
        ("top-heavy", f"{STEM}BasicBlock(16,32,3,1)BasicBlock(32,32,3,1)BasicBlock(32,32,3,2)"),
        ("late strides", f"{STEM}{'MBConv(16,16,3,1,1)' * 3}BasicBlock(16,128,3,2)BasicBlock(128,128,3,1)"),
        ("rushed end", f"{STEM}{'BasicBlock(16,16,3,1)' * 4}BasicBlock(16,16,3,2)"),
        ("one unit", f"{STEM}BasicBlock(16,16,3,1)BasicBlock(16,128,3,1)BasicBlock(128,16,3,2)"),
        ("large kernels", f"{STEM}BasicBlock(16,32,5,1)BasicBlock(32,64,5,2)BasicBlock(64,64,3,1)"),
        ("wide inside", f"{STEM}SuperResIDWE6K3(16,32,1,16,1)SuperResK3K3(32,32,1,264,1)"),
        ("few identities", f"{STEM}MBConv(16,24,3,6,1)MBConv(24,32,3,6,2)MBConv(32,32,3,6,1)"),
        ("thin and deep", f"{STEM}{'BasicBlock(16,16,3,1)' * 9}"),
        ("wide last layer", f"{STEM}BasicBlock(16,16,3,1)SuperConvK1BNRELU(16,136,1,1)"),
        ("blind", f"{STEM}BasicBlock(16,16,3,1)"),
        ("sees padding", f"{STEM}SuperResK7K7(16,32,2,32,2)SuperResK7K7(32,64,2,32,4)"),
    ],
)
def test_each_objection_to_a_form_is_raised(name: str, text: str) -> None:
    assert name in objections(text)


def test_costs_are_compared_with_the_larger_of_both_networks_beside() -> None:
    small, large = (look("", parse(text), SMALL) for text in (SOUND, SOUND.replace("32", "128").replace("64", "256")))
    against = {"activations", "memory", "slow on V100", "slow on CPU"}
    assert not against & set(raised(large, [small, large]).split(", "))
    assert against <= set(raised(large, [small, small]).split(", "))
    assert "few parameters" in raised(small, [large, large])
    assert "few parameters" not in raised(small, [small, large])


def test_every_objection_has_a_name_of_its_own() -> None:
    assert len({one.name for one in OBJECTIONS}) == len(OBJECTIONS)


def test_mobilenet_v2_has_its_published_costs() -> None:
    found = cost(mobilenet_v2(1.0, 224), resolution=224, num_classes=1000)
    assert (found.params, found.flops) == (3_504_872, 300_774_272)


def test_the_networks_beside_fill_the_budget() -> None:
    resnet, mobile = beside = peers(SMALL)
    assert all(within(one, SMALL) for one in beside)
    assert resnet.anatomy.cost.flops > 0.9 * 160e6
    assert mobile.anatomy.cost.params > 0.9 * 1e6
    assert not within(look("", mobilenet_v2(0.65, 32), SMALL), SMALL)


def test_the_winners_are_within_their_budgets() -> None:
    cases: dict[str, Sequence[object]] = {}
    for winner in read_winners():
        case = next(one for one in CASES if one.name == winner.case)
        if len(cases.setdefault(winner.case, [])) < 2:  # one is as good as ten, and latencies take time
            cases[winner.case] = [*cases[winner.case], winner]
            assert within(look("", winner.structure, case), case)


def test_forms_of_a_score_are_compared_by_space() -> None:
    spaces = [(case.name, space.name) for case in CASES for space in case.spaces]
    sound, large = (look("", parse(text), SMALL) for text in (SOUND, SOUND.replace(",3,", ",5,")))
    beside = {case.name: [sound] for case in CASES}
    before = {(*place, "s:before"): [large, sound] for place in spaces}
    now = {(*place, "s"): [sound] for place in spaces}
    found = by_form(before | now, beside, {"before": "s:before", "now": "s"})
    convolutions, raised_here = sound.anatomy.convolutions, len(raised(large, [sound]).split(", "))
    expected = f"| units | {raised_here / 2:.1f} | 0.0 | {convolutions} | {convolutions} |"
    assert expected in found.splitlines()
    long = {(*place, "mean_field:long"): [large] for place in spaces if place[1] != "units"}
    rows = longer(
        {(*place, "mean_field"): [sound] for place in spaces},
        long,
        {name: [sound] * 2 for name in beside},
        "mean_field",
    )
    assert len(rows.splitlines()) == 2 + len(long)


def test_structures_are_shortened() -> None:
    assert short(parse(f"{STEM}SuperResK3K3(16,8,1,8,1)")) == "Conv3(3,16,1,1) K3K3(16,8,1,8,1)"
