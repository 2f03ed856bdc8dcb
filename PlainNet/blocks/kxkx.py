"""`SuperResK{3,5,7}K{3,5,7}(in,out,stride,bottleneck,sub_layers)`: sub_layers residual units of two K×K convolutions.

A unit is K×K to the bottleneck channels, BN, ReLU, [SE,] K×K to the out channels, BN. The first convolution of the
first unit has the stride.
"""

from __future__ import annotations

from functools import partial

from PlainNet.blocks.superconv import conv_bn
from PlainNet.blocks.units import RESIDUAL_PARAMS, relu, squeeze, unit
from PlainNet.blocktype import BlockType, Options, register
from PlainNet.ir import BlockSpec


def expand(spec: BlockSpec, options: Options, kernel: int) -> tuple[BlockSpec, ...]:
    in_channels, out_channels, stride, bottleneck, sub_layers = spec.args

    def one(channels: int, stride: int, project: bool) -> tuple[BlockSpec, ...]:
        layers = (
            *conv_bn(channels, bottleneck, kernel, stride),
            relu(bottleneck),
            *squeeze(bottleneck, options),
            *conv_bn(bottleneck, out_channels, kernel),
        )
        return unit(layers, channels, out_channels, stride, project)

    return one(in_channels, stride, True) + (sub_layers - 1) * one(out_channels, 1, False)


for kernel in (3, 5, 7):
    register(
        BlockType(
            f"SuperResK{kernel}K{kernel}",
            RESIDUAL_PARAMS,
            expand=partial(expand, kernel=kernel),
            attributes=(("kernel_size", kernel),),
            linear=True,
        )
    )
