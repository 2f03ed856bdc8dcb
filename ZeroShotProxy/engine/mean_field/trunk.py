"""Which convolutions of a network the score counts: those of the trunk; and how deep they are."""

from __future__ import annotations

from typing import NamedTuple

from PlainNet import ops
from PlainNet.ops import OpGraph


class Trunk(NamedTuple):
    """Where the values of a graph stand, one entry for each.

    pooled: whether a global pooling precedes it, as in gates, or at the end of a network; a product with a gate is
    where the value is that it is multiplied with. convolves: whether it is what a convolution makes that none precedes.
    depths: the number of such convolutions on the longest path from the image to it, with itself.
    """

    pooled: list[bool]
    convolves: list[bool]
    depths: list[int]


def trunk_of(graph: OpGraph) -> Trunk:
    """Return where the values of a graph stand."""
    found = Trunk([False], [False], [0])
    for node in graph.nodes:
        alone = isinstance(node.op, ops.AdaptiveAvgPool) and node.op.size == 1
        behind = alone or found.pooled[node.inputs[0]]
        counts = isinstance(node.op, (ops.Conv, ops.RowColumnConv)) and not behind
        found.pooled.append(behind)
        found.convolves.append(counts)
        found.depths.append(max(found.depths[i] for i in node.inputs) + counts)
    return found
