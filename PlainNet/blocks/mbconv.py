"""`MBConv(in,out,kernel,expansion,stride)`: the inverted residual of MobileNetV2 (Sandler et al., CVPR 2018).

1×1 to in · expansion channels, BN, ReLU6, depthwise kernel × kernel with the stride, BN, ReLU6, 1×1 to the out
channels, BN. With an expansion of 1, the first 1×1 convolution is left out. The input is added if the stride is 1 and
in = out; there is never a projection, and no ReLU behind the sum. `MBConvRELU` has ReLU instead of ReLU6.

With `use_se`, squeeze-and-excitation follows the depthwise convolution's ReLU6, as in MobileNetV3. With `no_reslink`,
the input is never added.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from PlainNet.blocks.units import conv_bn, squeezed
from PlainNet.blocktype import IN, KERNEL, OUT, STRIDE, BlockType, Param, one_layer, register
from PlainNet.ir import BlockSpec
from PlainNet.lowering import Builder, Value

EXPANSION = Param("expansion", 8)

_Activation: TypeAlias = Callable[[Builder, Value], Value]


def inverted_residual(b: Builder, x: Value, spec: BlockSpec, activation: _Activation) -> Value:
    in_channels, out_channels, kernel, expansion, stride = spec.args
    hidden = in_channels * expansion
    y = x
    if expansion > 1:
        y = activation(b, conv_bn(b, y, "expand", hidden, kernel=1))
    y = activation(b, conv_bn(b, y, "depthwise", hidden, kernel, stride, groups=hidden))
    y = conv_bn(b, squeezed(b, y), "project", out_channels, kernel=1)
    linked = stride == 1 and in_channels == out_channels and not b.options.no_reslink
    return b.add(y, x) if linked else y


for name, activation in {"MBConv": Builder.relu6, "MBConvRELU": Builder.relu}.items():
    lower = partial(inverted_residual, activation=activation)
    register(BlockType(name, (IN, OUT, KERNEL, EXPANSION, STRIDE), lower=lower, linear=True, layers=one_layer))
