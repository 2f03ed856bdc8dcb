"""Changing structures: joining blocks whose channels changed, splitting blocks that grew too deep. No torch."""

from __future__ import annotations

from collections.abc import Iterable

from PlainNet.blocktype import argument, block_type, in_channels
from PlainNet.ir import BlockSpec

SPLIT_THRESHOLD = 6
"""Zen-NAS splits super-blocks with so many sub-layers."""


def out_channels(spec: BlockSpec) -> int:
    """Channels that the block gives."""
    for name in ("out_channels", "channels"):
        value = argument(spec, name)
        if value is not None:
            return value
    ends = [out_channels(branch[-1]) for branch in spec.branches]
    return sum(ends) if spec.kind == "MultiCatBlock" else ends[0]


def with_argument(spec: BlockSpec, name: str, value: int) -> BlockSpec:
    """`spec` with its argument `name` replaced; raises ValueError where it has none."""
    i = block_type(spec.kind).index(name)
    if i is None:
        raise ValueError(f"{spec.kind} has no {name}")
    return spec._replace(args=(*spec.args[:i], value, *spec.args[i + 1 :]))


def with_in_channels(spec: BlockSpec, channels: int) -> BlockSpec:
    """`spec` taking `channels`. A block that keeps its channels then also gives that many."""
    if spec.branches:
        branches = tuple(tuple(rejoin(branch, channels)) for branch in spec.branches)
        spec = spec._replace(branches=branches)
    for name in ("in_channels", "channels"):
        if block_type(spec.kind).index(name) is not None:
            return with_argument(spec, name, channels)
    return spec


def rejoin(blocks: Iterable[BlockSpec], channels: int) -> list[BlockSpec]:
    """The blocks one after another, each taking what the one before gives, the first taking `channels`."""
    joined = []
    for spec in blocks:
        if in_channels(spec) != channels:
            spec = with_in_channels(spec, channels)
        joined.append(spec)
        channels = out_channels(spec)
    return joined


def split(spec: BlockSpec, threshold: int = SPLIT_THRESHOLD) -> list[BlockSpec]:
    """A residual super-block with `threshold` sub-layers or more as two of the same depth; others as they are."""
    sub_layers = argument(spec, "sub_layers")
    if sub_layers is None or argument(spec, "bottleneck_channels") is None or sub_layers < threshold:
        return [spec]
    first = threshold // 2
    head = with_argument(spec, "sub_layers", first)
    rest = with_argument(with_in_channels(spec, out_channels(spec)), "stride", 1)
    return [head, *split(with_argument(rest, "sub_layers", sub_layers - first), threshold)]
