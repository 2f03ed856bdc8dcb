"""The number of weights of an op graph. No torch."""

from __future__ import annotations

from PlainNet.cost import op_cost
from PlainNet.ops import OpGraph


def weight_count(graph: OpGraph) -> int:
    """Return the number of weights. A layer that is used several times has several nodes, but counts once."""
    found: dict[str, int] = {}
    for node in graph.nodes:
        params = op_cost(node.op, node.shape).params
        if params:  # operations without weights may share the path of the module whose code calls them
            found[node.path] = params
    return sum(found.values())
