"""Receptive fields, against which rows of the image change a position if they change."""

from __future__ import annotations

from random import Random

import pytest
import torch
from torch import nn

from PlainNet import Structure, build, lower, parse
from PlainNet.blocktype import BlockType
from PlainNet.ops import AdaptiveAvgPool, Mul, UnknownOperationError
from PlainNet.receptive import Field, receptive_field
from tests.conftest import BUILT, network_around, random_block


@torch.no_grad()
def rows_that_matter(structure: Structure, size: int) -> list[list[int]]:
    """For each position on the diagonal of the last map, the rows of the image that change it, in a network with
    positive weights."""
    network = build(structure).double().eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.fill_(1 / module.weight[0].numel())
    network.apply(lambda module: nn.init.constant_(module.weight, 1) if isinstance(module, nn.BatchNorm2d) else None)
    images = torch.full((size + 1, 3, size, size), 0.01, dtype=torch.float64)
    for row in range(size):
        images[row, :, row] = 0.02
    maps = network.forward_pre_GAP(images).diagonal(dim1=2, dim2=3)
    changed = (maps[:-1] != maps[-1:]).any(1)
    return [changed[:, position].nonzero().flatten().tolist() for position in range(maps.shape[2])]


@pytest.mark.parametrize("kind", BUILT, ids=lambda kind: kind.kind)
def test_every_block_sees_the_rows_that_change_its_output(kind: BlockType) -> None:
    rng, size = Random(kind.kind), 24
    width = 32 if kind.kind.startswith("ConvKXG") else 8  # which 32 groups divide
    for _ in range(2):
        structure = network_around(random_block(kind, rng, width, width), width)
        graph = lower(structure, resolution=size)
        if any(isinstance(node.op, (AdaptiveAvgPool, Mul)) for node in graph.nodes):
            pytest.skip("sees the whole image, which the receptive field passes over")
        field = receptive_field(graph)
        for position, seen in enumerate(rows_that_matter(structure, size)):
            pixels = range(0) if field is None else field.pixels(position, size)
            assert set(seen) <= set(pixels)
            if field is not None and len(pixels) == field.side:  # nothing is cut off by the borders
                assert (seen[0], seen[-1]) == (pixels[0], pixels[-1])


def test_the_deepest_path_decides() -> None:
    graph = lower(
        parse("SuperConvK3BNRELU(3,8,2,1)ResBlock(ConvKX(8,8,5,1))BasicBlock(8,16,3,2)MaxPool(16,3,2)"), resolution=64
    )
    # 3, then 4 steps of 2 pixels, then 2 of 2 and 2 of 4, then 2 of 4
    assert receptive_field(graph) == Field(stride=8, first=-1 - 2 * 2 - 2 - 4 - 4, last=1 + 2 * 2 + 2 + 4 + 4)


def test_gates_are_passed_over() -> None:
    text = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,8,1,8,1)"
    with_gates = lower(parse(text + "SE(8)"), resolution=32, num_classes=10)
    assert receptive_field(with_gates) == receptive_field(lower(parse(text), resolution=32)) == Field(1, -3, 3)


def test_padding_is_no_part_of_the_image() -> None:
    assert list(Field(stride=2, first=-3, last=3).pixels(0, 32)) == [0, 1, 2, 3]
    assert list(Field(stride=2, first=-3, last=3).pixels(15, 32)) == list(range(27, 32))
    assert Field(stride=2, first=-3, last=3).side == 7


def test_other_poolings_are_refused() -> None:
    graph = lower(parse("ConvKX(3,8,3,1)AdaptiveAvgPool(8,4)"), resolution=32)
    with pytest.raises(UnknownOperationError, match="receptive_field does not handle the operation AdaptiveAvgPool"):
        receptive_field(graph)
