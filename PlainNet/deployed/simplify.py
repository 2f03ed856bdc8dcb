"""What an op graph computes, without what a file does not need: sums with zeros, rectifiers of rectifiers,
shifts before a 1×1 convolution, and operations that nothing reads.
"""

from __future__ import annotations

from typing import NamedTuple

from PlainNet.latest import for_the_latest
from PlainNet.ops import (
    AdaptiveAvgPool,
    Add,
    AvgPool,
    Conv,
    Flatten,
    MaxPool,
    Node,
    OpGraph,
    Relu,
    Relu6,
    Shape,
    Shift,
    Swish,
    Truncate,
    Zero,
)

_KEEPS_ZERO = (Relu, Relu6, Swish, MaxPool, AvgPool, AdaptiveAvgPool, Flatten, Shift, Truncate)


class Simple(NamedTuple):
    """A simplified op graph. nodes: by the number of the value that they make, in order; `inputs` are such numbers.

    shifted: the convolutions that read one position further down and to the right. output: the number of the output.
    zero: whether the output is known to be zero.
    """

    input: Shape
    nodes: dict[int, Node]
    shifted: frozenset[int]
    output: int
    zero: bool

    def readers(self) -> dict[int, list[int]]:
        """Return, for each value, the numbers of the nodes that read it, each as often as it does."""
        found: dict[int, list[int]] = {0: [], **{number: [] for number in self.nodes}}
        for number, node in self.nodes.items():
            for source in node.inputs:
                found[source].append(number)
        return found


@for_the_latest
def simplify(graph: OpGraph) -> Simple:
    """Return what a graph computes without what it does not need."""
    same = {0: 0}  # the value that each value is equal to
    zeros: set[int] = set()
    rectified: set[int] = set()
    shifted: set[int] = set()
    nodes: dict[int, Node] = {}
    for number, node in enumerate(graph.nodes, start=1):
        inputs = tuple(same[source] for source in node.inputs)
        op = node.op
        kept = [source for source in inputs if source not in zeros]
        if (isinstance(op, Add) and len(kept) == 1) or (isinstance(op, Relu) and inputs[0] in rectified):
            same[number] = kept[0] if isinstance(op, Add) else inputs[0]
            continue
        if isinstance(op, Zero) or (isinstance(op, _KEEPS_ZERO) and not kept) or (isinstance(op, Add) and not kept):
            zeros.add(number)
        if isinstance(op, (Relu, Relu6)):
            rectified.add(number)
        if isinstance(op, Conv) and op.kernel == 1 and inputs[0] in nodes and isinstance(nodes[inputs[0]].op, Shift):
            inputs = nodes[inputs[0]].inputs
            shifted.add(number)
        same[number] = number
        nodes[number] = node._replace(inputs=inputs)
    output = same[graph.output]
    read = {output}
    for number in reversed(nodes):
        if number in read:
            read.update(nodes[number].inputs)
    kept_nodes = {number: node for number, node in nodes.items() if number in read}
    return Simple(graph.input, kept_nodes, frozenset(shifted), output, output in zeros)
