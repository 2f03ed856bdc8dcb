"""Basic blocks of one operation each, as in Zen-NAS: `ConvKX(in,out,kernel,stride)`, `BN(channels)`, ….

Convolutions have no bias, as batch normalisation follows them, and padding (kernel - 1) // 2.
"""

from __future__ import annotations

from functools import partial

from PlainNet.blocktype import BIAS, CHANNELS, IN, KERNEL, OUT, SIZE, STRIDE, WINDOW, BlockType, one_layer, register
from PlainNet.ir import BlockSpec
from PlainNet.lowering import Builder, Value


def conv_kx(b: Builder, x: Value, spec: BlockSpec, groups: int) -> Value:
    _, out_channels, kernel, stride = spec.args
    return b.conv(x, out_channels, kernel, stride, groups)


def conv_dw(b: Builder, x: Value, spec: BlockSpec) -> Value:
    channels, kernel, stride = spec.args
    return b.conv(x, channels, kernel, stride, groups=channels)


def linear(b: Builder, x: Value, spec: BlockSpec) -> Value:
    _, out_features, bias = spec.args
    return b.linear(x, out_features, bool(bias))


def adaptive_avg_pool(b: Builder, x: Value, spec: BlockSpec) -> Value:
    return b.adaptive_avg_pool(x, spec.args[1])


def avg_pool(b: Builder, x: Value, spec: BlockSpec) -> Value:
    _, kernel, stride = spec.args
    return b.avg_pool(x, kernel, stride)


def max_pool(b: Builder, x: Value, spec: BlockSpec) -> Value:
    _, kernel, stride = spec.args
    return b.max_pool(x, kernel, stride)


def identity(b: Builder, x: Value, spec: BlockSpec) -> Value:
    return x


def zero(b: Builder, x: Value, spec: BlockSpec) -> Value:
    return b.zero(x)


def flatten(b: Builder, x: Value, spec: BlockSpec) -> Value:
    return b.flatten(x)


def batch_norm(b: Builder, x: Value, spec: BlockSpec) -> Value:
    return b.batch_norm(x)


def relu(b: Builder, x: Value, spec: BlockSpec) -> Value:
    return b.relu(x)


def relu6(b: Builder, x: Value, spec: BlockSpec) -> Value:
    return b.relu6(x)


def swish(b: Builder, x: Value, spec: BlockSpec) -> Value:
    return b.swish(x)


for name, groups in {
    "ConvKX": 1,
    "ConvKXG2": 2,
    "ConvKXG4": 4,
    "ConvKXG8": 8,
    "ConvKXG16": 16,
    "ConvKXG32": 32,
}.items():
    register(BlockType(name, (IN, OUT, KERNEL, STRIDE), lower=partial(conv_kx, groups=groups), layers=one_layer))
register(BlockType("ConvDW", (CHANNELS, KERNEL, STRIDE), lower=conv_dw, layers=one_layer))
register(BlockType("BN", (CHANNELS,), lower=batch_norm))
register(BlockType("RELU", (CHANNELS,), lower=relu))
register(BlockType("RELU6", (CHANNELS,), lower=relu6))
register(BlockType("Swish", (CHANNELS,), lower=swish))
register(BlockType("MaxPool", (CHANNELS, WINDOW, STRIDE), lower=max_pool))
register(BlockType("AvgPool", (CHANNELS, WINDOW, STRIDE), lower=avg_pool))
register(BlockType("Zero", (CHANNELS,), lower=zero))
register(BlockType("Identity", (CHANNELS,), lower=identity))
register(BlockType("AdaptiveAvgPool", (CHANNELS, SIZE), lower=adaptive_avg_pool))
register(BlockType("Flatten", (CHANNELS,), lower=flatten))
register(BlockType("Linear", (IN, OUT, BIAS), lower=linear, layers=one_layer))
