"""Changes to structures: matching the channels of consecutive blocks and splitting deep blocks, without torch."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from PlainNet.blocktype import argument, block_type, in_channels
from PlainNet.grammar import PROBE_RESOLUTION
from PlainNet.ir import BlockSpec, Structure
from PlainNet.lowering import lower_block

SPLIT_THRESHOLD = 6
"""Zen-NAS splits super-blocks with at least this many sub-layers."""


def out_channels(spec: BlockSpec) -> int:
    """Return the number of output channels of a block."""
    for name in ("out_channels", "channels"):
        value = argument(spec, name)
        if value is not None:
            return value
    if not spec.branches:  # neither an argument nor an inner block has the number
        return lower_block(spec, PROBE_RESOLUTION)[1].channels
    ends = [out_channels(branch[-1]) for branch in spec.branches]
    return sum(ends) if spec.kind == "MultiCatBlock" else ends[0]


def with_argument(spec: BlockSpec, name: str, value: int) -> BlockSpec:
    """Return `spec` with its argument `name` changed to `value`. Raises ValueError if it has no such argument."""
    i = block_type(spec.kind).index(name)
    if i is None:
        raise ValueError(f"{spec.kind} has no {name}")
    return spec._replace(args=(*spec.args[:i], value, *spec.args[i + 1 :]))


def with_in_channels(spec: BlockSpec, channels: int) -> BlockSpec:
    """Return `spec` with `channels` input channels. The output of a block that keeps its channels changes as well."""
    if spec.branches:
        branches = tuple(tuple(rejoin(branch, channels)) for branch in spec.branches)
        spec = spec._replace(branches=branches)
    for name in ("in_channels", "channels"):
        if block_type(spec.kind).index(name) is not None:
            return with_argument(spec, name, channels)
    return spec


def rejoin(blocks: Iterable[BlockSpec], channels: int) -> list[BlockSpec]:
    """Return the blocks with matching channels: each takes the output of the one before, the first `channels`."""
    joined = []
    for spec in blocks:
        if in_channels(spec) != channels:
            spec = with_in_channels(spec, channels)
        joined.append(spec)
        channels = out_channels(spec)
    return joined


def for_channels(structure: Structure, channels: int) -> Structure:
    """Return the structure for images of `channels` channels: its first blocks take them, the others stay the same."""
    return Structure.of(rejoin(structure.blocks, channels))


def split(spec: BlockSpec, threshold: int = SPLIT_THRESHOLD) -> list[BlockSpec]:
    """Split a residual super-block with at least `threshold` sub-layers into several of the same total depth.

    Other blocks are returned unchanged, in a list.
    """
    positions = _split_positions(spec.kind)
    if positions is None or spec.args[positions.sub_layers] < threshold:
        return [spec]
    head, rest = list(spec.args), list(spec.args)
    head[positions.sub_layers] = threshold // 2
    rest[positions.sub_layers] -= threshold // 2
    rest[positions.in_channels] = rest[positions.out_channels]
    rest[positions.stride] = 1
    return [spec._replace(args=tuple(head)), *split(spec._replace(args=tuple(rest)), threshold)]


class _SplitPositions(NamedTuple):
    in_channels: int
    out_channels: int
    stride: int
    sub_layers: int


@cache
def _split_positions(kind: str) -> _SplitPositions | None:
    """The positions of the arguments that a split changes; None if the block is not a residual super-block."""
    found = block_type(kind)
    positions = [found.index(name) for name in _SplitPositions._fields]
    if found.index("bottleneck_channels") is None or None in positions:
        return None
    return _SplitPositions(*(i for i in positions if i is not None))
