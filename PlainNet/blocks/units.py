"""The residual unit that all three families of residual super-blocks use. This file registers no block."""

from __future__ import annotations

from PlainNet.blocktype import BOTTLENECK, IN, OUT, STRIDE, SUB_LAYERS, Options
from PlainNet.ir import BlockSpec

RESIDUAL_PARAMS = (IN, OUT, STRIDE, BOTTLENECK, SUB_LAYERS)


def relu(channels: int) -> BlockSpec:
    return BlockSpec("RELU", (channels,))


def squeeze(channels: int, options: Options) -> tuple[BlockSpec, ...]:
    """Return the squeeze-and-excitation block after a unit's spatial convolution, or nothing without `use_se`."""
    return (BlockSpec("SE", (channels,)),) if options.use_se else ()


def unit(
    layers: tuple[BlockSpec, ...], in_channels: int, out_channels: int, stride: int, project: bool
) -> tuple[BlockSpec, ...]:
    """Return a residual block around `layers`, and the ReLU after it."""
    kind = "ResBlockProj" if project else "ResBlock"
    return BlockSpec(kind, (in_channels, stride), (layers,)), relu(out_channels)
