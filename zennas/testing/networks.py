"""Networks for checking parts: one with all families of blocks, and random ones around a block. No torch."""

from __future__ import annotations

from random import Random

from PlainNet import BlockSpec, Structure
from PlainNet.blocktype import BlockType

SMALL = (
    "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperResK1K5K1(16,24,2,8,1)"
    "SuperResIDWE2K3(24,16,2,8,1)SuperConvK1BNRELU(16,32,1,1)"
)
"""A network with a block of each family, small enough to run in milliseconds."""


def random_block(kind: BlockType, rng: Random, in_channels: int, multiple: int = 8) -> BlockSpec:
    """Return a block of that kind with random arguments; containers contain a convolution, BN and a ReLU."""
    # Equal widths are frequent, as blocks may behave differently there.
    width = in_channels if rng.random() < 0.3 else multiple * rng.randint(1, 6)
    values = {
        "in_channels": in_channels,
        "channels": in_channels,
        "out_channels": width,
        "bottleneck_channels": rng.choice([width, multiple * rng.randint(1, 6)]),
        "stride": rng.choice([1, 2]),
        "kernel_size": rng.choice([1, 3, 5]),
        "sub_layers": rng.randint(1, 3),
        "output_size": rng.randint(1, 3),
        "bias": rng.randint(0, 1),
        "width": multiple,
        "cells": rng.randint(1, 3),
        "matrix": rng.getrandbits(21) | 1 << 15,  # with the edge from the input to the output of an NB101Cell
    }
    if kind.inner == "none":
        given = [values.get(param.name, rng.randint(param.minimum, param.maximum)) for param in kind.params]
        return BlockSpec(kind.kind, tuple(given))
    stride = values["stride"]
    branch = (
        BlockSpec("ConvKX", (in_channels, width, 3, stride)),
        BlockSpec("BN", (width,)),
        BlockSpec("RELU", (width,)),
    )
    branches = (branch, branch) if kind.inner == "branches" else (branch,)
    args = kind.complete((), branches) if kind.complete else ()
    return BlockSpec(kind.kind, args, branches)


def network_around(block: BlockSpec, in_channels: int) -> Structure:
    """Return a network with the block after a stem of matching width; flat blocks get flattened input."""
    blocks = [BlockSpec("ConvKX", (3, in_channels, 3, 1))]
    if block.kind in ("Linear", "Flatten"):
        blocks.append(BlockSpec("AdaptiveAvgPool", (in_channels, 1)))
    if block.kind == "Linear":
        blocks.append(BlockSpec("Flatten", (in_channels,)))
    return Structure.of([*blocks, block])
