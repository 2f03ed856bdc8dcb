"""Parts of residual units: of the three families of super-blocks, and of single units. This file registers no block."""

from __future__ import annotations

from PlainNet.blocktype import BOTTLENECK, IN, OUT, STRIDE, SUB_LAYERS, Options
from PlainNet.ir import BlockSpec
from PlainNet.lowering import Builder, Value

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


def conv_bn(b: Builder, x: Value, name: str, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> Value:
    """Add a convolution and its batch normalisation, whose weights are `name.conv` and `name.bn`."""
    with b.at(name):
        with b.at("conv"):
            x = b.conv(x, out_channels, kernel, stride, groups)
        with b.at("bn"):
            return b.batch_norm(x)


def squeezed(b: Builder, x: Value) -> Value:
    """Add squeeze-and-excitation with `use_se`; return `x` itself without."""
    for spec in squeeze(x.shape.channels, b.options):
        with b.at("se"):
            x = b.block(x, spec)
    return x
