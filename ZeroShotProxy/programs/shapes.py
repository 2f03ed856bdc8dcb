"""The shapes of statistics from an op graph, without running the network. This file does not import torch."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeAlias

from PlainNet.ops import BatchNorm, Conv, Node, OpGraph, Relu, Relu6
from ZeroShotProxy.programs.statistics import STATISTICS

Dims: TypeAlias = tuple[int, ...]


def shapes_of_units(graph: OpGraph, names: Collection[str], images: int) -> list[dict[str, Dims]]:
    """Return the shapes of what `statistics_of_units` returns for a network: by name, unit by unit in running order.

    names: keys of `STATISTICS`. images: the number of images in a batch. The list is empty if there are no units.
    """
    found = []
    for node, conv in _units(graph):
        taken, given = graph.shape_of(node.inputs[0]).dims, node.shape.dims
        weight = (conv.out_channels, conv.in_channels // conv.groups, conv.kernel, conv.kernel)
        shapes = {"pre": (images, *taken), "input": (images, *taken), "weight": weight, "output": (images, *given)}
        found.append({name: shapes[STATISTICS[name].of] for name in names})
    return found


def _units(graph: OpGraph) -> Iterator[tuple[Node, Conv]]:
    """The convolutions between a ReLU and a batch-norm, in the order of the batch-norms."""
    for after in graph.nodes:
        if not isinstance(after.op, BatchNorm) or not after.inputs[0]:
            continue
        node = graph.nodes[after.inputs[0] - 1]
        if isinstance(node.op, Conv) and isinstance(graph.producer(node.inputs[0]), (Relu, Relu6)):
            yield node, node.op
