"""The plan of TensorFlow Lite Micro, `GreedyMemoryPlanner`, to the byte.

Buffers are placed from the largest to the smallest, of equal ones the later first, each at the lowest offset that is
free while it is in use. The result is not monotonic: a narrower layer can need a larger arena.
"""

from __future__ import annotations

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
    placed: list[list[int]] = [[] for _ in range(max(buffer.last for buffer in buffers) + 1)]  # by time
    most = 0
    for i in (*fixed, *order):
        size, first, last, _ = buffers[i]
        if i in fixed:
            offset = fixed[i]
        else:
            offset = 0
            near = set(placed[first]).union(*placed[first + 1 : last + 1])
            for j in sorted(near, key=offsets.__getitem__):
                if offsets[j] - offset >= size:
                    break
                offset = max(offset, offsets[j] + buffers[j].bytes)
        offsets[i] = offset
        for time in range(first, last + 1):
            placed[time].append(i)
        most = max(most, offset + size)
    return Plan(tuple(offsets), most)
