"""Functions of one variable before concatenations instead of behind them, which is the same network. No torch.

The values that a concatenation joins can have different means: in DARTS, those of nodes that end in a max pooling are
positive, and others are centred. A function of the whole would see one mean for all channels; the functions of the
parts see their own.
"""

from __future__ import annotations

from PlainNet import ops
from PlainNet.ops import Node, OpGraph
from ZeroShotProxy.engine.mean_field.forward import FUNCTIONS


def parted(graph: OpGraph) -> OpGraph:
    """Return the graph in which no function of one variable reads a concatenation."""
    if not any(_behind(graph, node) for node in graph.nodes):
        return graph
    nodes: list[Node] = []
    numbers = [0]  # the new number of each value
    for node in graph.nodes:
        if _behind(graph, node):
            joined = graph.nodes[node.inputs[0] - 1]
            parts = []
            for source in joined.inputs:
                nodes.append(node._replace(inputs=(numbers[source],), shape=graph.shape_of(source)))
                parts.append(len(nodes))
            nodes.append(joined._replace(inputs=tuple(parts)))
        else:
            nodes.append(node._replace(inputs=tuple(numbers[i] for i in node.inputs)))
        numbers.append(len(nodes))
    outputs = tuple(numbers[i] for i in graph.block_outputs)
    return OpGraph(graph.input, tuple(nodes), numbers[graph.output], outputs)


def _behind(graph: OpGraph, node: Node) -> bool:
    return type(node.op) in FUNCTIONS and isinstance(graph.producer(node.inputs[0]), ops.Concat)
