"""The plan of TensorFlow Lite Micro, `GreedyMemoryPlanner`, to the byte.

Buffers are placed from the largest to the smallest, of equal ones the later first, each at the lowest offset that is
free while it is in use. The result is not monotonic: a narrower layer can need a larger arena.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from PlainNet.deployed.buffers import Buffer

_NOTHING: Mapping[int, int] = MappingProxyType({})


class Plan(NamedTuple):
    """Where buffers lie. offsets: of each buffer, in bytes. bytes: the end of the last one, the size of the arena."""

    offsets: tuple[int, ...]
    bytes: int


def planned(buffers: Sequence[Buffer]) -> Plan:
    """Return the plan of TensorFlow Lite Micro."""
    return first_fit(buffers, by_size(buffers))


def by_size(buffers: Sequence[Buffer]) -> list[int]:
    """Return the numbers of buffers from the largest to the smallest, of equal ones the later first."""
    return sorted(range(len(buffers)), key=lambda i: (-buffers[i].bytes, -i))


def first_fit(buffers: Sequence[Buffer], order: Iterable[int], fixed: Mapping[int, int] = _NOTHING) -> Plan:
    """Return the plan that puts each buffer at the lowest free offset.

    order: the numbers of all buffers but the fixed ones. fixed: buffers that are placed first, with their offsets.
    """
    offsets = [0] * len(buffers)
    placed: list[tuple[int, int, int, int]] = []  # (offset, end, first, last), by offset
    most = 0
    for i, offset in fixed.items():
        size, first, last, _ = buffers[i]
        offsets[i] = offset
        insort(placed, (offset, offset + size, first, last))
        most = max(most, offset + size)
    for i in order:
        size, first, last, _ = buffers[i]
        offset = 0
        for start, end, begins, ends in placed:
            if begins > last or ends < first:
                continue
            if start - offset >= size:
                break
            if end > offset:
                offset = end
        offsets[i] = offset
        insort(placed, (offset, offset + size, first, last))
        most = max(most, offset + size)
    return Plan(tuple(offsets), most)
