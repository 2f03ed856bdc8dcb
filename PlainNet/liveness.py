"""How many values of a network are in memory at the same time, read from its op graph without torch.

Operations run one after the other in the order of the graph. A value is kept from the operation that makes it to the
last one that reads it. Batch-norm and activations write over their input if nothing else reads it, as deployed networks
do; additions need a place of their own. No library's own padding or workspace is counted.
"""

from __future__ import annotations

from PlainNet.ops import BatchNorm, Flatten, OpGraph, Relu, Relu6, Sigmoid, Swish

BYTES = 4
"""Of an element, in single precision."""

_IN_PLACE = (BatchNorm, Relu, Relu6, Swish, Sigmoid, Flatten)


def peak_elements(graph: OpGraph) -> dict[int, int]:
    """Return, for each top-level block and `HEAD`, the most elements of values that are kept at once while it runs.

    Counted for one image; multiply by the bytes of an element. The keys are those of `Node.block`, in the order of the
    graph. The largest value is that of the whole network.
    """
    size = [graph.input.elements, *(node.shape.elements for node in graph.nodes)]
    peaks: dict[int, int] = {}
    for node, kept in zip(graph.nodes, kept_values(graph), strict=True):
        peaks[node.block] = max(peaks.get(node.block, 0), sum(size[value] for value in kept))
    return peaks


def kept_values(graph: OpGraph) -> list[tuple[int, ...]]:
    """Return, for each operation, the numbers of the values that have a place in memory while it runs.

    A value that is written over another one has none of its own. The image is never written over.
    """
    last = _last_uses(graph)
    owner, freed = [0], [last[0]]
    for i, node in enumerate(graph.nodes):
        source = node.inputs[0] if node.inputs else 0
        shares = isinstance(node.op, _IN_PLACE) and source != 0 and last[source] == i
        owner.append(owner[source] if shares else i + 1)
        freed.append(-1)
        freed[owner[-1]] = max(freed[owner[-1]], last[i + 1])
    released: dict[int, list[int]] = {}
    for value, when in enumerate(freed):
        if when >= 0:
            released.setdefault(when, []).append(value)
    alive = {0: None}  # a dictionary, as it keeps the order
    found = []
    for i in range(len(graph.nodes)):
        if owner[i + 1] == i + 1:
            alive[i + 1] = None
        found.append(tuple(alive))
        for value in released.get(i, ()):
            alive.pop(value, None)
    return found


def _last_uses(graph: OpGraph) -> list[int]:
    """For each value, the number of the last node that reads it; its own node if none does, the last for the output."""
    last = [max(i - 1, 0) for i in range(len(graph.nodes) + 1)]
    for i, node in enumerate(graph.nodes):
        for value in node.inputs:
            last[value] = max(last[value], i)
    last[graph.output] = len(graph.nodes) - 1
    return last
