"""The space of single units: hand-made networks are members, and mutations keep the number of strides."""

from __future__ import annotations

import math
from random import Random

import pytest

from PlainNet import Structure, cost, parse
from PlainNet.blocktype import stride
from SearchSpace import SearchSpaceError, load_space
from SearchSpace.search_space_units import EXPANSIONS, KERNELS, MOST, units, width_options
from tests.PlainNet.test_single_units import MOBILENET_LIKE, RESNET8

HAND_MADE = [
    MOBILENET_LIKE,
    RESNET8,
    # ResNet-14, and a MobileNetV1-like network of expansions of 1
    "SuperConvK3BNRELU(3,16,1,1)BasicBlock(16,16,3,1)BasicBlock(16,16,3,1)BasicBlock(16,32,3,2)BasicBlock(32,32,3,1)"
    "BasicBlock(32,64,3,2)BasicBlock(64,64,3,1)",
    "SuperConvK3BNRELU(3,16,2,1)MBConv(16,32,5,1,1)MBConv(32,64,3,1,2)BasicBlock(64,64,5,1)SuperConvK1BNRELU(64,512,1,1)",
]


def downsampling(structure: Structure) -> int:
    return math.prod(stride(spec) for spec in structure.blocks)


@pytest.mark.parametrize("text", HAND_MADE)
def test_hand_made_networks_are_members(text: str) -> None:
    space = units()
    assert space.contains(parse(text))
    assert units(parse(text)).initial() == parse(text)


def test_strides_move_and_stay_as_many() -> None:
    space, rng = units(), Random(0)
    structure = space.initial()
    places = set()
    for _ in range(2000):
        structure = space.mutate(structure, rng)
        assert downsampling(structure) == 4
        places.add(tuple(i for i, spec in enumerate(structure.blocks[:5]) if stride(spec) > 1))
    assert len(places) > 5


def test_all_choices_come_up() -> None:
    space, rng = units(), Random(1)
    seen = [spec for _ in range(3000) for spec in space.mutate(space.initial(), rng, 4).blocks]
    inverted = [spec.args for spec in seen if spec.kind == "MBConv"]
    assert {args[2] for args in inverted} == set(KERNELS)
    assert {args[3] for args in inverted} == set(EXPANSIONS)
    assert {spec.args[2] for spec in seen if spec.kind == "BasicBlock"} == set(KERNELS)
    lengths = {len(space.mutate(space.initial(), rng)) for _ in range(300)}
    assert lengths == {5, 6, 7}


def test_one_change_is_one_change() -> None:
    """A structure of one unit more or less, or of other arguments in one block or in neighbours of one width."""
    space, rng, start = units(), Random(2), units().initial()
    for _ in range(500):
        child = space.mutate(start, rng)
        if len(child) == len(start):
            kinds = [(a.kind, b.kind) for a, b in zip(start.blocks, child.blocks, strict=True) if a.kind != b.kind]
            assert len(kinds) <= 1
        assert cost(child).params > 0


def test_neighbours_of_one_width_change_together_or_alone() -> None:
    space, rng = units(parse(RESNET8)), Random(3)
    widths = {tuple(spec.args[1] for spec in space.mutate(space.initial(), rng).blocks) for _ in range(600)}
    assert (24, 24, 32, 64) in widths
    assert (16, 24, 32, 64) in widths
    assert (24, 16, 32, 64) in widths


def test_the_last_convolution_comes_and_goes() -> None:
    space, rng = units(), Random(4)
    children = {space.mutate(space.initial(), rng) for _ in range(600)}
    assert any(child.blocks[-1].kind == "MBConv" for child in children)
    space = units(parse(RESNET8))
    children = {space.mutate(space.initial(), rng) for _ in range(600)}
    assert any(child.blocks[-1].kind == "SuperConvK1BNRELU" for child in children)


def test_the_only_unit_stays_and_strides_are_not_lost() -> None:
    space, rng = units(parse("SuperConvK3BNRELU(3,8,2,1)MBConv(8,8,3,1,2)")), Random(5)
    structure = space.initial()
    for _ in range(500):
        child = space.mutate(structure, rng)
        assert space.contains(child)
        structure = child if len(child) <= 3 else structure


def test_widths_are_multiples_of_8_and_all_are_reached() -> None:
    reached, todo = {8}, [8]
    while todo:
        for width in width_options(todo.pop()):
            if width not in reached:
                reached.add(width)
                todo.append(width)
    assert reached == set(range(8, MOST + 1, 8))


def test_identities_are_common_among_samples() -> None:
    space, rng = units(), Random(6)
    kept = [
        spec.args[0] == spec.args[1] for _ in range(200) for spec in space.sample(rng).blocks if "B" in spec.kind[:2]
    ]
    assert 0.3 < sum(kept) / len(kept) < 0.9


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ConvKX(3,16,3,1)BasicBlock(16,16,3,1)", "it begins with ConvKX"),
        ("SuperConvK3BNRELU(3,16,1,1)SuperConvK1BNRELU(16,16,1,1)", "it has no unit"),
        ("SuperConvK3BNRELU(3,16,1,1)ConvKX(16,16,3,1)BasicBlock(16,16,3,1)", r"it has ConvKX\(16,16,3,1\) after"),
        ("SuperConvK3BNRELU(3,12,1,1)BasicBlock(12,16,3,1)", "out_channels is 12, expected a multiple of 8"),
        ("SuperConvK3BNRELU(3,16,1,1)BasicBlock(16,16,7,1)", "kernel_size is 7, expected 3 or 5"),
        ("SuperConvK3BNRELU(3,16,1,1)MBConv(16,16,3,8,1)", "expansion is 8, expected 1 to 6"),
        ("SuperConvK3BNRELU(3,16,4,1)MBConv(16,16,3,6,1)", "stride is 4, expected 1 or 2"),
        ("SuperConvK3BNRELU(3,16,1,2)MBConv(16,16,3,6,1)", "sub_layers is 2, expected 1"),
        ("SuperConvK3BNRELU(3,16,1,1)MBConv(a|16,16,3,6,1)", "labels are not possible"),
    ],
)
def test_other_networks_are_not_members(text: str, says: str) -> None:
    with pytest.raises(SearchSpaceError, match=says):
        load_space("units", parse(text))
    assert not units().contains(parse(text))


def test_networks_of_other_strides_are_not_members() -> None:
    text = MOBILENET_LIKE.replace("MBConv(48,48,3,3,1)S", "MBConv(48,48,3,3,2)S")
    assert not units().contains(parse(text))
    assert units(parse(text)).contains(parse(text))
