"""Which convolutions of a network the score counts: those of the trunk."""

from __future__ import annotations

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
