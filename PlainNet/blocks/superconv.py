"""`SuperConvK{1,3,5,7}BNRELU(in,out,stride,sub_layers)`: convolution, BN and ReLU, repeated sub_layers times.

The first convolution has the stride.
"""

from __future__ import annotations

from functools import partial

from PlainNet.blocktype import IN, OUT, STRIDE, SUB_LAYERS, BlockType, Options, register
from PlainNet.ir import BlockSpec


def conv_bn(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> tuple[BlockSpec, ...]:
    return BlockSpec("ConvKX", (in_channels, out_channels, kernel, stride)), BlockSpec("BN", (out_channels,))


def expand(spec: BlockSpec, options: Options, kernel: int) -> tuple[BlockSpec, ...]:
    in_channels, out_channels, stride, sub_layers = spec.args
    relu = BlockSpec("RELU", (out_channels,))
    first = (*conv_bn(in_channels, out_channels, kernel, stride), relu)
    return first + (sub_layers - 1) * (*conv_bn(out_channels, out_channels, kernel), relu)


for kernel in (1, 3, 5, 7):
    register(
        BlockType(
            f"SuperConvK{kernel}BNRELU",
            (IN, OUT, STRIDE, SUB_LAYERS),
            expand=partial(expand, kernel=kernel),
            attributes=(("kernel_size", kernel),),
            linear=True,
        )
    )
