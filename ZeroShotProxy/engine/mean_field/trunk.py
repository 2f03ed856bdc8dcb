"""Which convolutions of a network the score counts: those of the trunk; and how deep they are."""

from __future__ import annotations

from typing import NamedTuple

from PlainNet import ops
from PlainNet.ops import OpGraph


def pooled(graph: OpGraph) -> list[bool]:
    """Return for each value whether a global pooling precedes it, as in gates, or at the end of a network.

    A product with a gate is where the value is that it is multiplied with.
    """
    found = [False]
    for node in graph.nodes:
        alone = isinstance(node.op, ops.AdaptiveAvgPool) and node.op.size == 1
        found.append(alone or found[node.inputs[0]])
    return found


class Trunk(NamedTuple):
    """For each value, whether a global pooling precedes it (`pooled`), and its depth (`depths`)."""

    pooled: list[bool]
    depths: list[int]


def trunk_of(graph: OpGraph) -> Trunk:
    """Return what the score needs to know about the places of values."""
    return Trunk(pooled(graph), depths(graph))


def convolves(graph: OpGraph) -> list[bool]:
    """Return for each value whether it is what a convolution makes that no global pooling precedes."""
    convolutions = (isinstance(node.op, (ops.Conv, ops.RowColumnConv)) for node in graph.nodes)
    return [False, *(one and not behind for one, behind in zip(convolutions, pooled(graph)[1:], strict=True))]


def depths(graph: OpGraph) -> list[int]:
    """Return for each value the number of such convolutions on the longest path from the image to it."""
    found, counted = [0], convolves(graph)
    for number, node in enumerate(graph.nodes, start=1):
        found.append(max((found[i] for i in node.inputs), default=0) + counted[number])
    return found
