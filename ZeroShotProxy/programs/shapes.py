"""The shapes of statistics from an op graph, without running the network. This file does not import torch."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple, TypeAlias

from PlainNet.ops import BatchNorm, Conv, OpGraph, Relu, Relu6
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
    for unit in units_in(graph, units):
        conv = unit.convolution
        taken, given = ((images, *graph.shape_of(value).dims) for value in (unit.input, unit.conv))
        weight = (conv.out_channels, conv.in_channels // conv.groups, conv.kernel, conv.kernel)
        pre = taken if units == "relu-conv-bn" else given
        shapes = {"pre": pre, "input": taken, "weight": weight, "output": given}
        found.append({name: shapes[STATISTICS[name].of] for name in names})
    return found


class UnitValues(NamedTuple):
    """The values of a unit in an op graph, by their numbers.

    pre, input, output: of the statistics with these names. conv: what the convolution makes.
    """

    pre: int
    input: int
    conv: int
    output: int
    convolution: Conv


def units_in(graph: OpGraph, units: UnitKind) -> Iterator[UnitValues]:
    """The units of a network, in the order of their last operations."""
    kinds = units.split("-")
    for last in range(1, len(graph.nodes) + 1):
        value, found = last, dict[str, int]()
        for kind in reversed(kinds):
            if not value or not isinstance(graph.nodes[value - 1].op, _OPERATIONS[kind]):
                break
            found[kind] = value
            value = graph.nodes[value - 1].inputs[0]
        else:
            conv, relu = (graph.nodes[found[kind] - 1] for kind in ("conv", "relu"))
            assert isinstance(conv.op, Conv)  # `_OPERATIONS` says so
            yield UnitValues(relu.inputs[0], conv.inputs[0], found["conv"], last, conv.op)
