"""The shapes of statistics from an op graph, without running the network. This file does not import torch."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeAlias

from PlainNet.ops import BatchNorm, Conv, Node, OpGraph, Relu, Relu6
from ZeroShotProxy.programs.statistics import STATISTICS, UnitKind

Dims: TypeAlias = tuple[int, ...]
_OPERATIONS: dict[str, tuple[type, ...]] = {"relu": (Relu, Relu6), "conv": (Conv,), "bn": (BatchNorm,)}


def shapes_of_units(
    graph: OpGraph, names: Collection[str], images: int, units: UnitKind = "relu-conv-bn"
) -> list[dict[str, Dims]]:
    """Return the shapes of what `statistics_of_units` returns for a network: by name, unit by unit in running order.

    names: keys of `STATISTICS`. images: the number of images in a batch. units: their kind. The list is empty if there
    are no units.
    """
    found = []
    for node, conv in _units(graph, units):
        taken, given = (images, *graph.shape_of(node.inputs[0]).dims), (images, *node.shape.dims)
        weight = (conv.out_channels, conv.in_channels // conv.groups, conv.kernel, conv.kernel)
        pre = taken if units == "relu-conv-bn" else given
        shapes = {"pre": pre, "input": taken, "weight": weight, "output": given}
        found.append({name: shapes[STATISTICS[name].of] for name in names})
    return found


def _units(graph: OpGraph, units: UnitKind) -> Iterator[tuple[Node, Conv]]:
    """The convolutions of units, in the order of the units' last operations."""
    kinds = units.split("-")
    for last in range(1, len(graph.nodes) + 1):
        value, found = last, dict[str, Node]()
        for kind in reversed(kinds):
            if not value or not isinstance(graph.nodes[value - 1].op, _OPERATIONS[kind]):
                break
            found[kind] = graph.nodes[value - 1]
            value = found[kind].inputs[0]
        else:
            conv = found["conv"].op
            assert isinstance(conv, Conv)  # `_OPERATIONS` says so
            yield found["conv"], conv
