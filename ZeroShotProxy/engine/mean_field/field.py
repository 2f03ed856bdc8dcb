"""The mean field of a network: its layers, and the statistics that scores are made of (docs/mean-field.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from PlainNet import ops
from PlainNet.cost import op_cost
from PlainNet.ops import OpGraph
from PlainNet.sizes import area
from ZeroShotProxy.engine.mean_field.backward import Gradient, at_logits, carry_back
from ZeroShotProxy.engine.mean_field.forward import Forward, State, carry, image, inside, white
from ZeroShotProxy.engine.mean_field.parted import parted
from ZeroShotProxy.engine.mean_field.torus import decimation
from ZeroShotProxy.engine.mean_field.trunk import Trunk, trunk_of
from ZeroShotProxy.engine.mean_field.uniform import Entry, is_uniform, walk


class Layer(NamedTuple):
    """A convolution or linear layer on a path from the input to the output.

    gradient: the expected squared norm of the loss's gradient by its weights, relative to the gradient at the logits.
    flops: multiply–accumulates. activations: output elements. effective: the activations that vary independently over
    channels, positions / (inverse number of independent channels). channels: output channels. pooled: whether a
    global pooling precedes it. depth: the convolutions on the longest path from the image to it, with itself. number:
    its node in `Field.graph`, from 1. mean, variance: of what it reads, averaged over channels. independent: the number
    of independent channels that it reads.
    """

    gradient: float
    flops: int
    activations: int
    effective: float
    channels: int
    pooled: bool
    depth: int
    number: int
    mean: float
    variance: float
    independent: float


@dataclass(frozen=True, slots=True)
class Field:
    """The mean field of a network.

    layers: the layers that take part. directions: the effective number of independent directions of the gradient at the
    image, over images. energy: the logarithm of that gradient's energy. agreements: for each function that is a
    ReLU, its number of elements and the probability that two images agree about one. graph: the network, maybe with
    other nodes that compute the same (`parted.py`).
    """

    layers: tuple[Layer, ...]
    directions: float
    energy: float
    agreements: tuple[tuple[int, float], ...]
    graph: OpGraph


def field_of(graph: OpGraph, *, same_for_images: bool = False) -> Field | None:
    """Return the mean field of a network with a classifier, or None if no gradient reaches the image.

    same_for_images: see `at_logits`. Batch normalisation removes such a gradient unless a function of one variable
    lies in between.

    Raises UnknownOperationError for an operation that is not handled.
    """
    if not same_for_images and is_uniform(graph):
        return _uniform_field(graph)
    graph = parted(graph)
    forward = carry(graph, image(graph), white(graph))
    if forward.states[graph.output].dead:
        return None
    start = at_logits(forward.states[graph.output], same_for_images=same_for_images)
    gradients = carry_back(graph, forward, start)
    first = gradients[0]
    if first is None:
        return None
    layers, trunk = [], trunk_of(graph)
    for number, node in enumerate(graph.nodes, start=1):
        gradient = gradients[number]
        if gradient is None or not isinstance(node.op, (ops.Conv, ops.RowColumnConv, ops.Linear)):
            continue
        x, y = forward.states[node.inputs[0]], forward.states[number]
        if x.dead:
            continue
        square = weight_gradient(node.op, x, y, gradient)
        overlaps = float(x.overlap[0]), float(y.overlap[0])
        layers.append(_layer(graph, trunk, number, square, x.mean, x.variance, *overlaps))
    here = forward.states[0].torus
    energy = here.mean(first.energy)
    if not energy > 0:
        return None
    directions = energy**2 * area(graph.input.size) / here.mean(first.square[0])
    return Field(tuple(layers), directions, math.log(energy), tuple(_agreements(graph, forward)), graph)


def _layer(
    graph: OpGraph, trunk: Trunk, number: int, gradient: float, mean: float, variance: float, taken: float, given: float
) -> Layer:
    """taken, given: the overlaps of what the layer reads and makes."""
    node = graph.nodes[number - 1]
    cost = op_cost(node.op, node.shape)
    positions = max(1, area(node.shape.size))
    made = positions / given, node.shape.channels, trunk.pooled[number], trunk.depths[number]
    return Layer(gradient, cost.flops, cost.activations, *made, number, mean, variance, 1 / taken)


def _uniform_field(graph: OpGraph) -> Field | None:
    found = walk(graph, Entry(graph.input.size, 0.0, 1.0, 0.0), lambda channels: (0, 1 / channels), 1)
    layers, trunk = [], trunk_of(graph)
    for number, (square, _) in reversed(found.layers):
        node = graph.nodes[number - 1]
        x = found.values[node.inputs[0]]
        taken, given = (
            constant + share / graph.input.channels for constant, share in (x.overlap, found.values[number].overlap)
        )
        square *= node.op.in_channels // node.op.groups if isinstance(node.op, ops.Conv) else 1
        layers.append(_layer(graph, trunk, number, square, x.mean, x.variance, taken, given))
    energy = found.first.here[0]
    if not energy > 0:
        return None
    start = 1 / max(1, graph.shape_of(graph.output).channels - 1)
    square = sum(found.kept) * start + found.here[0].constant + found.apart[0].constant
    directions = energy**2 * area(graph.input.size) / square
    agreements = [
        _agreement(graph.nodes[number - 1].shape.elements, known.slope)
        for number, known in found.functions.items()
        if isinstance(graph.nodes[number - 1].op, (ops.Relu, ops.Relu6))
    ]
    return Field(tuple(layers), directions, math.log(energy), tuple(agreements), graph)


def weight_gradient(op: ops.Op, x: State, y: State, gradient: Gradient) -> float:
    """Return the expected squared norm of the gradient by the weights of a convolution or linear layer (equation 15).

    x, y: its input and output. gradient: that of its output.
    """
    match op:
        case ops.Linear():
            return op.in_features * (x.variance + x.mean**2) * y.torus.mean(gradient.energy)
        case ops.Conv():
            fan_in = op.in_channels // op.groups * op.kernel**2
            overlap = _across(x, y, gradient, op.stride)
            return fan_in * inside(op, x.shape.size) * overlap * area(y.shape.size)
        case ops.RowColumnConv():
            # Of each of the two convolutions; the second one reads what the first has made.
            first = op.in_channels * op.kernel + op.out_channels * op.kernel
            overlap = _across(x, y, gradient, op.stride) / 3
            return first * inside(op, x.shape.size) * overlap * area(y.shape.size)
        case other:
            raise ops.UnknownOperationError(other, "the gradients of the mean field")


def _across(x: State, y: State, gradient: Gradient, stride: int) -> float:
    """The mean over frequencies of the power of the input times that of the gradient."""
    if isinstance(x.power, float):
        return x.power * y.torus.mean(gradient.energy)
    power = x.power if x.torus is y.torus and stride == 1 else decimation(x.torus, y.torus, stride) @ x.power
    return float(y.torus.mean(power * gradient.energy))


def _agreements(graph: OpGraph, forward: Forward) -> Sequence[tuple[int, float]]:
    found = []
    for number, node in enumerate(graph.nodes, start=1):
        if isinstance(node.op, (ops.Relu, ops.Relu6)):
            known = forward.functions.get(number)
            p = known[0].slope if known is not None else float(forward.states[node.inputs[0]].mean > 0)
            found.append(_agreement(node.shape.elements, p))
    return found


def _agreement(elements: int, active: float) -> tuple[int, float]:
    return elements, active * active + (1 - active) ** 2
