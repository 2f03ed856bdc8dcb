"""Blocks that contain blocks: `Sequential(…)`, `MultiSumBlock(a;b)`, `MultiCatBlock(a;b)`, `ResBlock[Proj](…)`.

A residual block is written `ResBlock(in,stride,…)`. Both numbers can be omitted; they are then computed from the inner
blocks. `ResBlockProj` always has a projection shortcut (1×1 convolution with bias, then BN); `ResBlock` has one only if
the stride is above 1 or the channels change. With `no_reslink`, both are just their inner blocks.
"""

from __future__ import annotations

import math
from functools import partial

from PlainNet.blocktype import IN, STRIDE, BlockType, in_channels, register, stride
from PlainNet.ir import BlockSpec, StructureError
from PlainNet.lowering import Builder, Value


def sequential(b: Builder, x: Value, spec: BlockSpec) -> Value:
    return b.sequence(x, spec.branches[0])


def branches(b: Builder, x: Value, spec: BlockSpec) -> list[Value]:
    outputs = []
    for i, branch in enumerate(spec.branches):
        takes = in_channels(branch[0])
        if takes != x.shape.channels:
            raise b.fail(f"branch {i + 1} takes {takes} channels, but branch 1 takes {x.shape.channels}")
        with b.at(i):
            # As in Zen-NAS, a branch of one block adds no level to the names of weights.
            outputs.append(b.block(x, branch[0]) if len(branch) == 1 else b.sequence(x, branch))
    return outputs


def multi_sum(b: Builder, x: Value, spec: BlockSpec) -> Value:
    first, *others = branches(b, x, spec)
    for other in others:
        first = b.add(first, other)
    return first


def multi_cat(b: Builder, x: Value, spec: BlockSpec) -> Value:
    return b.concat(branches(b, x, spec))


def residual(b: Builder, x: Value, spec: BlockSpec, always_project: bool) -> Value:
    y = b.sequence(x, spec.branches[0])
    if b.options.no_reslink:
        return y
    step = spec.args[1]
    if not (always_project or step > 1 or x.shape.channels != y.shape.channels):
        return b.add(y, x)
    with b.at("proj"):
        with b.at(0):
            shortcut = b.conv(x, y.shape.channels, kernel=1, stride=step, bias=True)
        with b.at(1):
            shortcut = b.batch_norm(shortcut)
    return b.add(y, shortcut)


def complete(args: tuple[int, ...], inner: tuple[tuple[BlockSpec, ...], ...]) -> tuple[int, ...]:
    """Return the arguments (in_channels, stride) of a residual block; the text may have none, one or both.

    Raises StructureError if an argument in the text is not that of the inner blocks.
    """
    found = (in_channels(inner[0][0]), math.prod(stride(block) for block in inner[0]))
    for name, written, real in zip(("in_channels", "stride"), args, found, strict=False):
        if written != real:
            raise StructureError(f"{name} of the residual block is {written}, but its inner blocks have {real}")
    return found


register(BlockType("Sequential", (), lower=sequential, inner="sequence"))
register(BlockType("MultiSumBlock", (), lower=multi_sum, inner="branches"))
register(BlockType("MultiCatBlock", (), lower=multi_cat, inner="branches"))
for name, always in {"ResBlock": False, "ResBlockProj": True}.items():
    lower = partial(residual, always_project=always)
    register(BlockType(name, (IN, STRIDE), lower=lower, inner="sequence", complete=complete))
