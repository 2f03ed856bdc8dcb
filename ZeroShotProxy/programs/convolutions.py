"""The statistics of the convolutions of a network in closed form, from its op graph (`closed_form.py`). No torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from PlainNet import ops
from PlainNet.cost import op_cost
from PlainNet.ops import OpGraph
from PlainNet.sizes import area
from ZeroShotProxy.engine.mean_field import STEPS, sums
from ZeroShotProxy.engine.mean_field.field import Field, Layer, field_of
from ZeroShotProxy.engine.mean_field.trunk import trunk_of
from ZeroShotProxy.programs.closed_form import CLOSED_FORMS
from ZeroShotProxy.programs.errors import ProgramError

Vector: TypeAlias = NDArray[np.float32]
"""A number for each convolution, (convolutions,), or one of the network, ()."""


def closed_forms(graph: OpGraph, names: Collection[str] = tuple(CLOSED_FORMS), steps: int = STEPS) -> dict[str, Vector]:
    """Return statistics of a network by name. names: keys of `CLOSED_FORMS`. steps: of the training, for
    `steadiness` and `detail`.

    Raises ProgramError if no gradient reaches the image, or no convolution takes part.
    """
    field = field_of(graph)
    if field is None:
        raise ProgramError("no gradient of the output reaches the input")
    layers = sorted((one for one in field.layers if not one.pooled and one.gradient > 0), key=lambda one: one.number)
    if not layers:
        raise ProgramError("the network has no convolution on a path from the input to the output")
    found = _of_convolutions(field, layers) | _of_network(field, layers, steps)
    with np.errstate(over="ignore"):  # gradients can explode; a program that reads infinity has no score, as a rule
        return {name: np.asarray(found[name], dtype=np.float32) for name in names}


def shapes_of(graph: OpGraph, names: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of what `closed_forms` returns, if all convolutions of the trunk take part."""
    count = sum(trunk_of(graph).convolves)
    return {name: () if CLOSED_FORMS[name].whole else (count,) for name in names} if count else {}


def _of_network(field: Field, layers: Sequence[Layer], steps: int) -> dict[str, float]:
    training = sums.training_of(steps)
    steadiness = sums.steadiness(sum(layer.gradient for layer in layers), training.bearable)
    return {"directions": field.directions, "steadiness": steadiness, "detail": training.detail}


def _of_convolutions(field: Field, layers: Sequence[Layer]) -> dict[str, Sequence[float]]:
    graph = field.graph
    remaining = _remaining(graph)
    rows = []
    for layer in layers:
        node = graph.nodes[layer.number - 1]
        assert isinstance(node.op, (ops.Conv, ops.RowColumnConv))  # the others are behind the pooling
        positions = layer.activations / layer.channels
        second = layer.mean**2 + layer.variance
        rows.append(
            {
                "fan_in": _fan_in(node.op),
                "in_channels": node.op.in_channels,
                "out_channels": node.op.out_channels,
                "kernel": node.op.kernel,
                "stride": node.op.stride,
                "groups": node.op.groups if isinstance(node.op, ops.Conv) else 1,
                "in_positions": area(graph.shape_of(node.inputs[0]).size),
                "positions": positions,
                "flops": layer.flops,
                "params": op_cost(node.op, node.shape).params,
                "depth": layer.depth,
                "remaining": remaining[layer.number],
                "in_mean": layer.mean,
                "in_variance": layer.variance,
                "likeness": layer.mean**2 / second,
                "in_independent": layer.independent,
                "independent": layer.effective / positions,
                "gradient": layer.gradient,
                "turn": sums.root_of(layer.gradient, layer.channels),
            }
        )
    found = {name: [row[name] for row in rows] for name in rows[0]}
    total = sum(found["turn"])
    return {**found, "share": [turn / total for turn in found["turn"]]}


def _fan_in(op: ops.Conv | ops.RowColumnConv) -> int:
    if isinstance(op, ops.RowColumnConv):  # of both convolutions together
        return (op.in_channels + op.out_channels) * op.kernel
    return op.in_channels // op.groups * op.kernel**2


def _remaining(graph: OpGraph) -> list[int]:
    """For each value, the number of convolutions on the longest path from it to the output, with the one that makes it.

    0 for values that do not reach the output.
    """
    counted = trunk_of(graph).convolves
    behind: list[int | None] = [None] * (len(graph.nodes) + 1)
    behind[graph.output] = 0
    found = [0] * (len(graph.nodes) + 1)
    for number in range(len(graph.nodes), 0, -1):
        known = behind[number]
        if known is None:
            continue
        found[number] = known + counted[number]
        for source in graph.nodes[number - 1].inputs:
            behind[source] = max(found[number], behind[source] or 0)
    return found
