"""`SuperResK1K{3,5,7}K1(in,out,stride,bottleneck,sub_layers)`: two bottleneck units per sub-layer.

A unit is 1×1 to the bottleneck channels, BN, ReLU, K×K, BN, ReLU, [SE,] 1×1 to the out channels, BN. The K×K
convolution of the very first unit has the stride.
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
            *conv_bn(channels, bottleneck, 1),
            relu(bottleneck),
            *conv_bn(bottleneck, bottleneck, kernel, stride),
            relu(bottleneck),
            *squeeze(bottleneck, options),
            *conv_bn(bottleneck, out_channels, 1),
        )
        return unit(layers, channels, out_channels, stride, project)

    return one(in_channels, stride, True) + (2 * sub_layers - 1) * one(out_channels, 1, False)


for kernel in (3, 5, 7):
    register(
        BlockType(
            f"SuperResK1K{kernel}K1",
            RESIDUAL_PARAMS,
            expand=partial(expand, kernel=kernel),
            attributes=(("kernel_size", kernel),),
            linear=True,
        )
    )
