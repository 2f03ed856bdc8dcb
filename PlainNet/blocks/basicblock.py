"""`BasicBlock(in,out,kernel,stride)`: the residual unit of ResNet-18 and the CIFAR ResNets (He et al., CVPR 2016).

kernel × kernel to the out channels with the stride, BN, ReLU, kernel × kernel, BN, the sum with the input, ReLU. If the
stride is above 1 or the channels change, the link has a 1×1 convolution without bias, and BN; otherwise it is the
identity. Super-blocks (`SuperResK3K3`) differ: their first unit always has a projection, which has a bias.

With `use_se`, squeeze-and-excitation follows the first ReLU, as in the super-blocks. With `no_reslink`, there is
neither link nor projection.
"""

from __future__ import annotations

from PlainNet.blocks.units import conv_bn, squeezed
from PlainNet.blocktype import IN, KERNEL, OUT, STRIDE, BlockType, one_layer, register
from PlainNet.ir import BlockSpec
from PlainNet.lowering import Builder, Value


def basic_block(b: Builder, x: Value, spec: BlockSpec) -> Value:
    in_channels, out_channels, kernel, stride = spec.args
    y = b.relu(conv_bn(b, x, "first", out_channels, kernel, stride))
    y = conv_bn(b, squeezed(b, y), "second", out_channels, kernel)
    if not b.options.no_reslink:
        if stride > 1 or in_channels != out_channels:
            x = conv_bn(b, x, "shortcut", out_channels, kernel=1, stride=stride)
        y = b.add(y, x)
    return b.relu(y)


register(BlockType("BasicBlock", (IN, OUT, KERNEL, STRIDE), lower=basic_block, linear=True, layers=one_layer))
