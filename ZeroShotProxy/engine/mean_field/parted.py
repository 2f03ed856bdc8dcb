"""The same network as an op graph whose statistics are easier to see. No torch.

Functions of one variable move from behind concatenations to the front. The values that a concatenation joins can have
different means: in DARTS, those of nodes that end in a max pooling are positive, and others are centred. A function of
the whole would see one mean for all channels; the functions of the parts see their own.

Equal poolings of one value become one: otherwise, they would count as independent of each other.
"""

from __future__ import annotations

from PlainNet import ops
from PlainNet.ops import Node, Op, OpGraph
from ZeroShotProxy.engine.mean_field.forward import FUNCTIONS


def parted(graph: OpGraph) -> OpGraph:
    """Return the graph in which no function of one variable reads a concatenation, and no pooling occurs twice."""
    nodes: list[Node] = []
    numbers = [0]  # the new number of each value
    pools: dict[tuple[Op, tuple[int, ...]], int] = {}
    for node in graph.nodes:
        if type(node.op) in FUNCTIONS and isinstance(graph.producer(node.inputs[0]), ops.Concat):
            joined = graph.nodes[node.inputs[0] - 1]
            parts = []
            for source in joined.inputs:
                nodes.append(node._replace(inputs=(numbers[source],), shape=graph.shape_of(source)))
                parts.append(len(nodes))
            nodes.append(joined._replace(inputs=tuple(parts)))
            numbers.append(len(nodes))
            continue
        inputs = tuple(numbers[i] for i in node.inputs)
        known = pools.get((node.op, inputs))
        if known is None:
            nodes.append(node._replace(inputs=inputs))
            if isinstance(node.op, (ops.MaxPool, ops.AvgPool)):
                pools[node.op, inputs] = len(nodes)
        numbers.append(len(nodes) if known is None else known)
    outputs = tuple(numbers[i] for i in graph.block_outputs)
    return OpGraph(graph.input, tuple(nodes), numbers[graph.output], outputs)
