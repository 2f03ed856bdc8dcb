"""The number of weights of an op graph. No torch."""

from __future__ import annotations

from PlainNet.cost import op_cost
from PlainNet.ops import Node, OpGraph


def weight_count(graph: OpGraph) -> int:
    """Return the number of weights. A layer that is used several times has several nodes, but counts once."""
    found = {node.path: op_cost(node.op, node.shape).params for node in graph.nodes if _has_weights(node)}
    return sum(found.values())


def _has_weights(node: Node) -> bool:
    # Operations without weights may share the path of the module whose code calls them.
    return op_cost(node.op, node.shape).params > 0
