"""`SuperResIDWE{1,2,4,6}K{3,5,7}(in,out,stride,bottleneck,sub_layers)`: two inverted depthwise units per sub-layer.

A unit is 1×1 to the hidden width, BN, ReLU, depthwise K×K, BN, ReLU, [SE,] 1×1, BN. The first unit of a sub-layer
outputs the bottleneck channels, and the second one the out channels. The hidden width is E times the unit's output
channels, rounded to a multiple of 8. The stride is in the very first unit.
"""

from __future__ import annotations

from functools import partial

from PlainNet.blocks.superconv import conv_bn
from PlainNet.blocks.units import RESIDUAL_PARAMS, relu, squeeze, unit
from PlainNet.blocktype import BlockType, Options, register
from PlainNet.ir import BlockSpec


def round_to_8(x: float) -> int:
    return max(8, round(x / 8) * 8)


def expand(spec: BlockSpec, options: Options, expansion: int, kernel: int) -> tuple[BlockSpec, ...]:
    in_channels, out_channels, stride, bottleneck, sub_layers = spec.args

    def one(channels: int, out: int, stride: int, project: bool) -> tuple[BlockSpec, ...]:
        hidden = round_to_8(out * expansion)
        layers = (
            *conv_bn(channels, hidden, 1),
            relu(hidden),
            BlockSpec("ConvDW", (hidden, kernel, stride)),
            BlockSpec("BN", (hidden,)),
            relu(hidden),
            *squeeze(hidden, options),
            *conv_bn(hidden, out, 1),
        )
        return unit(layers, channels, out, stride, project)

    second = one(bottleneck, out_channels, 1, False)
    first = one(in_channels, bottleneck, stride, True) + second
    return first + (sub_layers - 1) * (one(out_channels, bottleneck, 1, False) + second)


for expansion in (1, 2, 4, 6):
    for kernel in (3, 5, 7):
        register(
            BlockType(
                f"SuperResIDWE{expansion}K{kernel}",
                RESIDUAL_PARAMS,
                expand=partial(expand, expansion=expansion, kernel=kernel),
                attributes=(("kernel_size", kernel), ("expansion", expansion)),
                linear=True,
            )
        )
