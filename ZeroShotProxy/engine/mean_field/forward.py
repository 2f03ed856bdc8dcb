"""The statistics of the values of a network, from the input to the output (docs/mean-field.md, equations 2 to 8)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np

from PlainNet import ops
from PlainNet.ops import BN_EPS, Node, OpGraph, Shape
from PlainNet.sizes import Size, area, sides
from ZeroShotProxy.engine import moments
from ZeroShotProxy.engine.mean_field import pointwise
from ZeroShotProxy.engine.mean_field.pointwise import Pointwise
from ZeroShotProxy.engine.mean_field.torus import Array, Power, Torus, decimation, torus

WEIGHT_VARIANCE = 1 / 3
"""The variance of PyTorch's default weights, uniform in ±1 / √fan_in, times the fan-in."""

FUNCTIONS: dict[type, Callable[[float, float], Pointwise]] = {
    ops.Relu: pointwise.relu,
    ops.Relu6: partial(pointwise.pointwise, pointwise.clipped),
    ops.Swish: partial(pointwise.pointwise, moments.swish),
    ops.Sigmoid: partial(pointwise.pointwise, moments.sigmoid),
}
"""The functions of one variable, as functions of mean and variance."""


Inverse = Callable[[int], Array]
"""The inverse of a number of channels, (basis,). For a network, the basis is 1. For a family of blocks, it has one
entry for each of its widths (`blocks.py`), as overlaps are linear in inverse widths and in the overlap that enters.
"""


def inverse(channels: int) -> Array:
    """Return 1 / channels as an array of one number."""
    return np.array([1 / channels])


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The statistics of a value over images and positions, averaged over channels.

    mean: the mean of a channel. parts: the independent sources that the value is a sum of: for each source, its power
    at each frequency and the transfer function that it passed through since. overlap: the inverse number of channels
    that vary independently, tr C² / (tr C)² of their covariance C, as a sum of parts (basis,); see `Inverse`.
    rectified: whether it is what a ReLU has made.
    """

    mean: float
    parts: Mapping[int, tuple[Power, Power]]
    overlap: Array
    torus: Torus
    shape: Shape
    rectified: bool = False

    @property
    def power(self) -> Power:
        """The power at each frequency, whose mean is the variance."""
        found: Power = 0.0
        for power, transfer in self.parts.values():
            found = found + power * transfer**2
        return found

    @property
    def variance(self) -> float:
        return self.torus.mean(self.power)

    @property
    def dead(self) -> bool:
        """Whether the value does not depend on the image."""
        return not self.parts


@dataclass(frozen=True, slots=True, eq=False)
class Forward:
    """The states of all values, and what the nodes with a function of one variable did, by node."""

    states: list[State]
    functions: dict[int, tuple[Pointwise, Array | None]] = field(default_factory=dict)


def inside(op: ops.Conv | ops.RowColumnConv, size: Size) -> float:
    """Return the share of taps that are inside the image, over all output positions."""
    height, width = sides(size)
    dilation = op.dilation if isinstance(op, ops.Conv) else 1
    down = _inside(op.kernel, op.stride, dilation, op.padding, height)
    return down * (down if width == height else _inside(op.kernel, op.stride, dilation, op.padding, width))


@cache
def _inside(kernel: int, stride: int, dilation: int, padding: int, side: int) -> float:
    """The share along one axis."""
    extent = dilation * (kernel - 1) + 1
    starts = np.arange(0, side + 2 * padding - extent + 1, stride)[:, None] - padding
    taps = starts + dilation * np.arange(kernel)
    return float(((taps >= 0) & (taps < side)).mean())


def white(graph: OpGraph) -> bool:
    """Return whether neighbouring positions of every value are uncorrelated, as without poolings."""
    return not any(isinstance(node.op, (ops.AvgPool, ops.MaxPool)) for node in graph.nodes)


def image(graph: OpGraph) -> State:
    """Return the statistics of an image of noise from N(0, 1)."""
    here = torus(graph.input.size, white(graph))
    return State(0.0, {0: (1.0, 1.0)}, inverse(graph.input.channels), here, graph.input)


def carry(graph: OpGraph, entering: State, shells: bool, inverse: Inverse = inverse) -> Forward:
    """Carry the statistics of the input through a graph with PyTorch's default weights.

    entering: the statistics of value 0. shells: see `torus`.

    Raises UnknownOperationError for an operation that is not handled.
    """
    states = [entering]
    found = Forward(states)
    for number, node in enumerate(graph.nodes, start=1):
        given = [states[i] for i in node.inputs]
        states.append(_after(found, number, node, given, torus(node.shape.size, shells), inverse))
    return found


def _source(
    number: int, power: Power, overlap: Array, mean: float, here: Torus, shape: Shape, rectified: bool = False
) -> State:
    return State(mean, {number: (power, 1.0)}, overlap, here, shape, rectified)


def _after(found: Forward, number: int, node: Node, given: Sequence[State], here: Torus, inverse: Inverse) -> State:
    x, shape = given[0], node.shape
    own = inverse(shape.channels)
    if x.dead and not isinstance(node.op, (ops.Add, ops.Concat, *FUNCTIONS)):
        return State(0.0 if isinstance(node.op, ops.BatchNorm) else x.mean, {}, own, here, shape)
    match node.op:
        case ops.Conv() as conv:
            gain = WEIGHT_VARIANCE * inside(conv, x.shape.size)
            mixed = x.overlap if conv.groups == 1 else x.overlap - inverse(conv.in_channels)
            power = gain * _decimated(x.power, x.torus, here, conv.stride)
            return _source(number, power, own + mixed / conv.kernel**2, 0.0, here, shape)
        case ops.RowColumnConv() as pair:
            gain = WEIGHT_VARIANCE**2 * inside(pair, x.shape.size)
            power = gain * _decimated(x.power, x.torus, here, pair.stride)
            return _source(number, power, 2 * own + x.overlap / pair.kernel**2, 0.0, here, shape)
        case ops.Linear():
            power = WEIGHT_VARIANCE * x.variance
            return _source(number, power, own + x.overlap, 0.0, here, shape)
        case ops.BatchNorm():
            return _scaled(x, 1 / math.sqrt(x.variance + (BN_EPS if area(shape.size) <= 1 else 0.0)), 0.0, here, shape)
        case ops.Relu() | ops.Relu6() | ops.Swish() | ops.Sigmoid():
            return _function(found, number, node, x, here, own)
        case ops.AvgPool() as pool:
            box = x.torus.box(pool.kernel)
            if pool.stride == 1:
                parts = {s: (power, transfer * box) for s, (power, transfer) in x.parts.items()}
                return State(x.mean, parts, x.overlap, here, shape)
            pooled = _decimated(x.power * box**2, x.torus, here, pool.stride)
            return _source(number, pooled, x.overlap, x.mean, here, shape)
        case ops.MaxPool() as pool:
            return _maximum(number, x, pool, here, shape)
        case ops.AdaptiveAvgPool() as pool:
            count = max(1.0, area(x.shape.size) / pool.size**2)
            constant = x.power if isinstance(x.power, float) else float(x.power[x.torus.class_of[0, 0]])
            return _source(number, constant / count, x.overlap, x.mean, here, shape)
        case ops.Add():
            return _sum(x, given[1], here, shape, own)
        case ops.Mul():
            return _gated(number, x, given[1], here, shape, own)
        case ops.Concat():
            return _concatenated(number, given, here, shape, own)
        case ops.Zero():
            return State(0.0, {}, own, here, shape)
        case ops.Flatten() | ops.Shift():
            return State(x.mean, x.parts, x.overlap, here, shape, x.rectified)
        case ops.Truncate():
            overlap = x.overlap - inverse(x.shape.channels) + own
            return State(x.mean, x.parts, overlap, here, shape, x.rectified)
        case other:
            raise ops.UnknownOperationError(other, "the mean field")


def _decimated(power: Power, fine: Torus, coarse: Torus, stride: int) -> Power:
    if isinstance(power, float) or (stride == 1 and fine is coarse):
        return power
    return np.asarray(decimation(fine, coarse, stride) @ power)


def _scaled(x: State, factor: float, mean: float, here: Torus, shape: Shape) -> State:
    parts = {s: (power, transfer * factor) for s, (power, transfer) in x.parts.items()}
    return State(mean, parts, x.overlap, here, shape)


def _function(found: Forward, number: int, node: Node, x: State, here: Torus, own: Array) -> State:
    function, rectified = FUNCTIONS[type(node.op)], isinstance(node.op, (ops.Relu, ops.Relu6))
    power = x.power
    variance = here.mean(power)
    if not variance > 0:
        known = function(x.mean, 1e-12)
        return State(known.mean, {}, own, here, node.shape)
    known = function(x.mean, variance)
    overlap = own + known.kept**2 * (x.overlap - own)
    if isinstance(power, float):
        found.functions[number] = (known, None)
        return _source(number, known.variance, overlap, known.mean, here, node.shape, rectified)
    correlations = np.clip(here.to_positions @ power / variance, -1.0, 1.0)
    found.functions[number] = (known, correlations)
    after = here.to_powers @ pointwise.series(known.covariance, correlations, constant=False)
    return _source(number, np.maximum(after, 0.0), overlap, known.mean, here, node.shape, rectified)


def _sum(x: State, y: State, here: Torus, shape: Shape, own: Array) -> State:
    parts = dict(x.parts)
    for source, (power, transfer) in y.parts.items():
        parts[source] = (power, transfer + parts[source][1]) if source in parts else (power, transfer)
    summed = State(x.mean + y.mean, parts, own, here, shape)
    if not parts:
        return summed
    total = summed.variance
    overlap = own
    for one in (x, y):
        if one.parts:
            overlap = overlap + (one.variance / total) ** 2 * (one.overlap - own)
    return State(summed.mean, parts, overlap, here, shape)


def _gated(number: int, x: State, gate: State, here: Torus, shape: Shape, own: Array) -> State:
    """The product with a gate that is the same for all positions of a channel."""
    second = gate.variance + gate.mean**2
    power = x.power * second
    if gate.variance:
        power = power + gate.variance * x.mean**2 * here.constant
    overlap = own + (gate.mean**2 / second) ** 2 * (x.overlap - own) if second else own
    return _source(number, power, overlap, x.mean * gate.mean, here, shape)


def _concatenated(number: int, given: Sequence[State], here: Torus, shape: Shape, own: Array) -> State:
    power: Power = 0.0
    mean2 = 0.0
    for x in given:
        share = x.shape.channels / shape.channels
        power = power + share * x.power
        mean2 += share * x.mean**2
    variance = here.mean(power)
    if not variance > 0:
        return State(math.sqrt(mean2), {}, own, here, shape)
    overlap = 0 * own
    for x in given:
        overlap = overlap + (x.shape.channels / shape.channels * x.variance / variance) ** 2 * x.overlap
    return _source(number, power, overlap, math.sqrt(mean2), here, shape)


def _maximum(number: int, x: State, pool: ops.MaxPool, here: Torus, shape: Shape) -> State:
    """The average of the window, as the part that is linear in the input, and an independent rest.

    Values of a window with the mean correlation r are taken as √r of a common one and √(1 − r) of independent ones, and
    the moments are those of the maximum of these. Neighbours correlate as those of an average, whose windows are the
    same.
    """
    count = pool.kernel**2
    box = x.torus.box(pool.kernel)
    average = x.power * box**2
    common = max(0.0, (count * x.torus.mean(average) / x.variance - 1) / (count - 1)) if count > 1 else 0.0
    signal = moments.Signal(x.variance + x.mean**2, x.mean**2, 1e-3, 1e-3, rectified=x.rectified)
    made = moments.maximum(signal, count)
    variance = common * x.variance + (1 - common) * made.variance
    mean = x.mean + math.sqrt(1 - common) * (math.sqrt(made.mean2) - x.mean)
    rest = average * max(0.0, variance / x.torus.mean(average) - 1)
    if pool.stride > 1:
        return _source(number, _decimated(average + rest, x.torus, here, pool.stride), x.overlap, mean, here, shape)
    parts = {s: (power, transfer * box) for s, (power, transfer) in x.parts.items()}
    return State(mean, {**parts, number: (rest, 1.0)}, x.overlap, here, shape)
