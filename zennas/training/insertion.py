"""Putting modules without weights inside the blocks of a network that is trained. Imports torch.

What is stored of a network does not change: the modules have no weights, and the structure says how to build it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import fx, nn

from PlainNet.grammar import PROBE_RESOLUTION
from PlainNet.lowering import lower
from PlainNet.masternet import MasterNet
from PlainNet.ops import HEAD, Node, OpGraph

_INSERTED = "inserted"
"""What marks the nodes that the op graph does not have."""


class Place(NamedTuple):
    """Where an operation of the op graph is in a network: the module of its block, and its node there."""

    module: fx.GraphModule
    node: fx.Node


def graph_of(network: MasterNet) -> OpGraph:
    """Return the op graph that the blocks of a network were made from."""
    return lower(
        network.structure, resolution=PROBE_RESOLUTION, num_classes=network.num_classes, options=network.options
    )


def places(network: MasterNet, graph: OpGraph) -> dict[int, Place]:
    """Return the place of each value of the graph, by number, without those of the classifier."""
    return dict(_places(network, graph))


def _places(network: MasterNet, graph: OpGraph) -> Iterator[tuple[int, Place]]:
    steps: dict[int, Iterator[fx.Node]] = {}
    for number, node in enumerate(graph.nodes, start=1):
        if node.block == HEAD:
            continue
        module = network.blocks[node.block]
        assert isinstance(module, fx.GraphModule)
        if node.block not in steps:
            own = [one for one in module.graph.nodes if one.op.startswith("call_") and _INSERTED not in one.meta]
            steps[node.block] = iter(own)
        yield number, Place(module, next(steps[node.block]))


def insert(place: Place, name: str, module: nn.Module, reader: fx.Node | None = None) -> None:
    """Put a module behind an operation: in front of one reader of its value, or of all if `reader` is None."""
    graph = place.module.graph
    place.module.add_module(name, module)
    with graph.inserting_after(place.node):
        call = graph.call_module(name, (place.node,))
    call.meta[_INSERTED] = True
    if reader is None:
        place.node.replace_all_uses_with(call, delete_user_cb=lambda user: user is not call)
    else:
        reader.replace_input_with(place.node, call)
    place.module.recompile()


def within(node: Node, join: Node) -> str | None:
    """Return the first name below the path of `join` on the path of `node`; None if the node is outside of it."""
    prefix = f"{join.path}."
    return node.path[len(prefix) :].partition(".")[0] if node.path.startswith(prefix) else None
