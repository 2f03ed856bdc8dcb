"""Squeeze-and-excitation, `SE(channels)` (Hu et al., CVPR 2018), with batch normalisation as in Zen-NAS.

The gate is pool → 1×1 to a quarter of the channels → BN → ReLU → 1×1 back → BN → sigmoid, without biases.
"""

from __future__ import annotations

from PlainNet.blocktype import CHANNELS, BlockType, register
from PlainNet.ir import BlockSpec
from PlainNet.lowering import Builder, Value

RATIO = 0.25


def squeeze_excite(b: Builder, x: Value, spec: BlockSpec) -> Value:
    channels = x.shape.channels
    with b.at(0):
        gate = b.adaptive_avg_pool(x, 1)
    with b.at(1):
        gate = b.conv(gate, max(1, round(channels * RATIO)), kernel=1)
    with b.at(2):
        gate = b.batch_norm(gate)
    with b.at(3):
        gate = b.relu(gate)
    with b.at(4):
        gate = b.conv(gate, channels, kernel=1)
    with b.at(5):
        gate = b.batch_norm(gate)
    with b.at(6):
        gate = b.sigmoid(gate)
    return b.mul(x, gate)


register(BlockType("SE", (CHANNELS,), lower=squeeze_excite))
