"""The search space of ProxylessNAS for phones (Cai, Zhu and Han, ICLR 2019): 6⁶ · 7¹⁵ = 2.2e17 choices, for ImageNet.

A 3×3 stem with stride 2, an `MBConv` of expansion 1, and six stages with a decision for each of their blocks: kernels
3, 5 and 7 with expansions 3 and 6, and nothing where a block has stride 1 and equal widths (the paper's Zero, whose
shortcut stays). A 1×1 convolution to 1280 channels ends the network.
"""

from __future__ import annotations

from itertools import product

from PlainNet import BlockSpec, Structure
from PlainNet.choices import IDENTITY
from PlainNet.ir import CHOICE
from SearchSpace.base import SPACES
from SearchSpace.choices import ChoiceSpace

NAME = "mobile"
STEM, FIRST, LAST = 32, 16, 1280
"""The channels of the stem, of the first block, and of the last convolution."""
WIDTHS = (24, 40, 80, 96, 192, 320)
CELLS = (4, 4, 4, 4, 4, 1)
STRIDES = (2, 2, 2, 1, 2, 1)
"""For each stage: its channels, its blocks, and the stride of its first block."""
KERNELS, EXPANSIONS = (3, 5, 7), (3, 6)


def conv_bn_relu6(in_channels: int, out_channels: int, kernel: int, stride: int) -> tuple[BlockSpec, ...]:
    """Return a convolution, BN and a ReLU6."""
    conv = BlockSpec("ConvKX", (in_channels, out_channels, kernel, stride))
    return conv, BlockSpec("BN", (out_channels,)), BlockSpec("RELU6", (out_channels,))


def supernet(num_stages: int = len(WIDTHS)) -> Structure:
    """Return the space as one structure with choices, for images of 224×224 pixels.

    num_stages: how many of the stages it has; fewer are for tests.
    """
    blocks = [*conv_bn_relu6(3, STEM, 3, 2), BlockSpec("MBConv", (STEM, FIRST, 3, 1, 1))]
    width = FIRST
    for stage, out, cells, first in list(zip(range(1, 7), WIDTHS, CELLS, STRIDES, strict=True))[:num_stages]:
        for cell in range(cells):
            stride = first if cell == 0 else 1
            units = [
                (BlockSpec("MBConv", (width, out, kernel, expansion, stride)),)
                for expansion, kernel in product(EXPANSIONS, KERNELS)
            ]
            if stride == 1 and width == out:
                units.append((BlockSpec(IDENTITY, (width,)),))
            blocks.append(BlockSpec(CHOICE, (), tuple(units), f"stage{stage}_block{cell + 1}"))
            width = out
    return Structure((*blocks, *conv_bn_relu6(width, LAST, 1, 1)))


def mobile(initial: Structure | None = None) -> ChoiceSpace:
    """Return the space. It starts from `initial`, or from kernel 3 and expansion 3 everywhere if that is None.

    Raises SearchSpaceError if `initial` is not in the space.
    """
    return ChoiceSpace(supernet(), initial, NAME)


SPACES.add(NAME, mobile)
