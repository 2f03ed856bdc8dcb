"""The bytes of the file of a deployed network in INT8, without writing it.

A file has the weights, one byte each, the biases, four bytes each, a scale for each output channel of weights and
biases, four bytes each, and a zero point for each, eight bytes; vectors of zero points that are equal are stored once.
The rest is the flatbuffer's own: names, shapes, and places of everything, for each operator and for each pair of
weights and biases, and what every file has. `benchmarks/arena.py` compares with files.
"""

from __future__ import annotations

from typing import NamedTuple

from PlainNet.deployed.operators import Conv2D, Deployed, DepthwiseConv2D, FullyConnected, weight_bytes

FILE = 1072
"""Bytes of a file without operators: the header, the names of operators, the plan of memory."""
OPERATOR = 93
"""Bytes of an operator and the value that it makes."""
WEIGHTED = 212
"""Further bytes of an operator with weights and biases."""
CHANNEL = 8
"""Bytes of an output channel of a convolution: the scales of its weights and its bias."""
ZERO_POINT = 8
"""Bytes of a channel in each vector of zero points, of which there is one for each number of channels."""


class Held(NamedTuple):
    """The bytes that a part of a network takes in a file. channels: the different numbers of output channels of its
    convolutions, whose zero points the whole file shares."""

    bytes: int
    channels: frozenset[int]


def held(deployed: Deployed) -> Held:
    """Return what the operators of a network, or of a part of it, take in a file."""
    total = 0
    widths = set()
    for operator in deployed.operators:
        total += OPERATOR
        kind = operator.kind
        if isinstance(kind, (Conv2D, DepthwiseConv2D, FullyConnected)):
            total += WEIGHTED + weight_bytes(kind)
        if isinstance(kind, (Conv2D, DepthwiseConv2D)):
            total += CHANNEL * kind.out_channels
            widths.add(kind.out_channels)
    return Held(total, frozenset(widths))


def flash_bytes(deployed: Deployed) -> int:
    """Return the bytes of the file of a network."""
    total, channels = held(deployed)
    return FILE + total + ZERO_POINT * sum(channels)
