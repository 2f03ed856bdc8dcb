"""Buffers of the arena: the values of a deployed network and the scratch memory of its operators, with their times.

The rules are those of TensorFlow Lite Micro, as its reference kernels for x86-64 follow them: every value has a buffer
of its own, rounded up to 16 bytes, from the operator that makes it to the last one that reads it; MEAN has three
scratch buffers while it runs. Time 0 is before the first operator, time i + 1 that of operator i.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import prod
from typing import NamedTuple

from PlainNet.deployed.operators import Deployed, Kind, Mean

ALIGNMENT = 16
"""Buffers begin and end at multiples of this number of bytes."""

_AXES = 2
"""Of a MEAN: height and width."""


class Buffer(NamedTuple):
    """bytes: rounded up. first, last: the times between which it is in use, both included. scratch: whether it belongs
    to an operator instead of a value."""

    bytes: int
    first: int
    last: int
    scratch: bool = False


def aligned(count: int) -> int:
    """Return a number of bytes rounded up to `ALIGNMENT`."""
    return -(-count // ALIGNMENT) * ALIGNMENT


def buffers_of(deployed: Deployed) -> tuple[Buffer, ...]:
    """Return the buffers of a network: first those of its values by their numbers, then scratch memory."""
    operators = deployed.operators
    last = [0, *range(1, len(operators) + 1)]
    for time, operator in enumerate(operators, start=1):
        for value in operator.inputs:
            last[value] = time
    last[deployed.output] = len(operators)
    values = [Buffer(aligned(deployed.bytes_of(i)), i, end) for i, end in enumerate(last)]
    scratch = [
        Buffer(aligned(count), time, time, True)
        for time, operator in enumerate(operators, start=1)
        for count in scratch_bytes(operator.kind, deployed.shape_of(operator.inputs[0]), operator.shape)
    ]
    return (*values, *scratch)


def scratch_bytes(kind: Kind, source: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the bytes that an operator asks for while it runs. source, shape: of its input and its output."""
    return (4 * prod(shape), 4 * len(source), 4 * _AXES) if isinstance(kind, Mean) else ()


def live_bytes(buffers: Sequence[Buffer]) -> list[int]:
    """Return the bytes of all buffers that are in use at each time. No plan needs less than the largest of these."""
    changes = [0] * (max(buffer.last for buffer in buffers) + 2)
    for buffer in buffers:
        changes[buffer.first] += buffer.bytes
        changes[buffer.last + 1] -= buffer.bytes
    return list(accumulate(changes))[:-1]
