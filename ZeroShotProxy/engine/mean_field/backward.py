"""The statistics of gradients, from the output back to the input (docs/mean-field.md, equations 9 to 17)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from PlainNet import ops
from PlainNet.ops import BN_EPS, OpGraph
from PlainNet.sizes import area
from ZeroShotProxy.engine import moments
from ZeroShotProxy.engine.mean_field.forward import WEIGHT_VARIANCE, Forward, Inverse, State, inside, inverse
from ZeroShotProxy.engine.mean_field.pointwise import Pointwise, series
from ZeroShotProxy.engine.mean_field.torus import Array, Torus, folded, spreading


class Gradient(NamedTuple):
    """The statistics of a gradient that is independent of others.

    energy: its power at each frequency, summed over channels, (classes,). square: tr C² of its covariance C over images
    and channels at each frequency, (basis, classes): a sum of parts; see `Inverse`. fixed: the energy
    of what is the same at all positions and for all images. along: the part of the energy that is linear in the
    normalised value itself; batch-norm removes it.
    """

    energy: Array
    square: Array
    fixed: float = 0.0
    along: float = 0.0


Parts = Mapping[int, tuple[Gradient, "Array | float"]]
"""A gradient as a sum of independent ones: for each source, its statistics and the transfer function since."""


def total(parts: Parts, inverse_channels: Array) -> Gradient | None:
    """Return the statistics of a sum of independent gradients of a value with so many channels."""
    if not parts:
        return None
    if len(parts) == 1:
        ((gradient, transfer),) = parts.values()
        return _through(gradient, transfer)
    found: Gradient | None = None
    for gradient, transfer in parts.values():
        one = _through(gradient, transfer)
        found = one if found is None else _both(found, one, inverse_channels)
    return found


def _both(x: Gradient, y: Gradient, inverse_channels: Array) -> Gradient:
    square = x.square + y.square + 2 * x.energy * y.energy * inverse_channels
    return Gradient(x.energy + y.energy, square, x.fixed + y.fixed, x.along + y.along)


def _through(gradient: Gradient, transfer: Array | float) -> Gradient:
    if isinstance(transfer, float) and transfer == 1.0:
        return gradient
    e, s, f, a = gradient
    power = transfer**2
    # Poolings leave a constant as it is.
    constant = power if isinstance(power, float) else 1.0
    return Gradient(power * e, power**2 * s, constant * f, constant * a)


def at_logits(state: State, *, same_for_images: bool) -> Gradient:
    """Return the gradient at the logits: of a loss, which differs between images, or of their sum, which does not."""
    one = np.ones(len(state.torus.weights))
    if same_for_images:
        return Gradient(0 * one, 0 * one[None], 1.0)
    # The errors of a batch have one direction fewer than there are classes.
    return Gradient(one, one[None] / max(1, state.shape.channels - 1))


def carry_back(graph: OpGraph, forward: Forward, start: Gradient, inverse: Inverse = inverse) -> list[Gradient | None]:
    """Carry the gradient of the output back; return that of every value, or None where nothing reaches the output.

    start: the gradient of the output. Raises UnknownOperationError for an operation that is not handled.
    """
    parts: list[dict[int, tuple[Gradient, Array | float]]] = [{} for _ in forward.states]
    fresh = _Counter()
    parts[graph.output][fresh()] = (start, 1.0)
    found: list[Gradient | None] = [None] * len(parts)
    for number in range(len(graph.nodes), 0, -1):
        node = graph.nodes[number - 1]
        own = parts[number]
        whole = total(own, inverse(node.shape.channels)[:, None])
        found[number] = whole
        if whole is None:
            continue
        for position, source in enumerate(node.inputs):
            step = _before(forward, graph, number, position, own, whole, fresh, inverse)
            for key, (gradient, transfer) in step.items():
                if key in parts[source]:
                    transfer = transfer + parts[source][key][1]
                parts[source][key] = (gradient, transfer)
    found[0] = total(parts[0], inverse(graph.input.channels)[:, None])
    return found


class _Counter:
    def __init__(self) -> None:
        self._next = 0

    def __call__(self) -> int:
        self._next += 1
        return self._next


def _before(
    forward: Forward,
    graph: OpGraph,
    number: int,
    position: int,
    parts: Parts,
    whole: Gradient,
    fresh: _Counter,
    inverse: Inverse,
) -> Parts:
    """The gradient of an input of a node, given that of its output, as parts and as a whole."""
    node = graph.nodes[number - 1]
    x, y = forward.states[node.inputs[position]], forward.states[number]
    own = inverse(x.shape.channels)[:, None]
    match node.op:
        case _ if x.dead:
            return {}
        case ops.Conv() as conv:
            return {fresh(): (_convolved(whole, x, y, conv.stride, inside(conv, x.shape.size), 1, own), 1.0)}
        case ops.RowColumnConv() as pair:
            return {fresh(): (_convolved(whole, x, y, pair.stride, inside(pair, x.shape.size), 2, own), 1.0)}
        case ops.Linear():
            energy = WEIGHT_VARIANCE * whole.energy
            square = WEIGHT_VARIANCE**2 * whole.square + energy**2 * own
            return {fresh(): (Gradient(energy, square, WEIGHT_VARIANCE * whole.fixed), 1.0)}
        case ops.BatchNorm():
            factor = 1 / math.sqrt(x.variance + (BN_EPS if area(x.shape.size) <= 1 else 0.0))
            return {key: (_centred(gradient), transfer * factor) for key, (gradient, transfer) in parts.items()}
        case ops.Relu() | ops.Relu6() | ops.Swish() | ops.Sigmoid():
            known, correlations = forward.functions.get(number, (None, None))
            if known is None:
                return {}
            return {fresh(): (_masked(whole, known, correlations, x.torus, own), 1.0)}
        case ops.AvgPool() as pool:
            box = x.torus.box(pool.kernel)
            if pool.stride == 1:
                return {key: (gradient, transfer * box) for key, (gradient, transfer) in parts.items()}
            spread = _spread(whole, x, y, pool.stride)
            return {fresh(): (_through(spread, box), 1.0)}
        case ops.MaxPool() as pool:
            if pool.stride == 1:
                box = x.torus.box(pool.kernel)
                parts = {key: (gradient, transfer * box) for key, (gradient, transfer) in parts.items()}
                return {**parts, fresh(): (_routed(whole, x, pool, own, average=False), 1.0)}
            return {fresh(): (_routed(_spread(whole, x, y, pool.stride), x, pool, own, average=True), 1.0)}
        case ops.AdaptiveAvgPool() as pool:
            count = max(1.0, area(x.shape.size) / pool.size**2)
            # The same at all positions, so nothing but the constant.
            one = x.torus.constant
            energy, square = whole.energy[0] / count**2 * one, whole.square[:, :1] / count**4 * one**2
            return {fresh(): (Gradient(energy, square, whole.fixed / count**2), 1.0)}
        case ops.Mul():
            return {fresh(): (_gate(forward, node.inputs, position, whole, own), 1.0)}
        case ops.Concat():
            return {
                fresh(): (
                    _share(whole, x.shape.channels / y.shape.channels, own, inverse(y.shape.channels)[:, None]),
                    1.0,
                )
            }
        case ops.Add() | ops.Flatten() | ops.Shift() | ops.Truncate():
            return parts
        case ops.Zero():
            return {}
        case other:
            raise ops.UnknownOperationError(other, "the mean field")


def _spread(gradient: Gradient, x: State, y: State, stride: int) -> Gradient:
    """The gradient with zeros between every `stride`-th position."""
    if stride == 1 and x.torus is y.torus:
        return gradient
    index = folded(x.torus, y.torus, stride)
    count = stride * stride
    energy, square = gradient.energy[index] / count, gradient.square[:, index] / count
    if x.torus.height < stride * y.torus.height or x.torus.width < stride * y.torus.width:
        # The windows are smaller than the maps: keep the correlations within them, and tr C² in proportion to E².
        repeated, energy = energy, np.maximum(spreading(x.torus, y.torus, stride) @ gradient.energy / count, 0.0)
        square = square * np.divide(energy, repeated, out=np.zeros_like(energy), where=repeated > 0) ** 2
    return Gradient(energy, square, gradient.fixed / count)


def _convolved(whole: Gradient, x: State, y: State, stride: int, share: float, layers: int, own: Array) -> Gradient:
    gain = share * WEIGHT_VARIANCE**layers
    e, s, f, _ = _spread(whole, x, y, stride)
    energy = gain * e
    return Gradient(energy, gain**2 * s + layers * energy**2 * own, gain * f)


def _centred(gradient: Gradient) -> Gradient:
    """What batch-norm leaves: nothing that is the same for all images and positions, or linear in its own output."""
    if not gradient.fixed and not gradient.along:
        return gradient
    kept = gradient.energy - gradient.along
    factor = np.divide(kept, gradient.energy, out=np.zeros_like(kept), where=gradient.energy > 0)
    return Gradient(kept, gradient.square * factor**2)


def _masked(whole: Gradient, known: Pointwise, correlations: Array | None, here: Torus, own: Array) -> Gradient:
    e, s, f, _ = whole
    keep = known.slope**2
    ripple: Array | float
    if correlations is None:
        white = known.slope2 - keep
        energy = keep * e + white * here.mean(e)
        ripple = white
    else:
        kernel = series(known.slopes, correlations, constant=True)
        energy = here.to_powers @ (kernel * (here.to_positions @ e))
        ripple = here.to_powers @ (kernel - keep)
    between = s - e**2 * own  # of different channels, whose slopes are independent
    along = 0.0
    if f:
        energy = energy + f * ripple
        along = f * known.along
    return Gradient(energy, keep**2 * between + energy**2 * own, f * keep, along)


def _routed(gradient: Gradient, x: State, pool: ops.MaxPool, own: Array, average: bool) -> Gradient:
    """The gradient of maxima goes to the largest inputs of their windows, instead of to all of them in equal parts.

    average: whether the result includes what goes to all, as through an average pooling, or only the noise around it.
    """
    e, s, f, _ = gradient
    box = x.torus.box(pool.kernel) ** 2
    routing = x.torus.routing(pool.kernel)
    noise = np.maximum(routing @ e - box * e, 0.0)
    constant = f * x.torus.constant
    ripple = np.maximum(routing @ constant - constant, 0.0) if f else 0.0
    along = f * maximum_of_normals(pool.kernel**2) ** 2
    noise = noise + ripple
    if not average:
        return Gradient(noise, noise**2 * own, 0.0, along)
    energy = box * e + noise
    return Gradient(energy, (s - e**2 * own) * box**2 + energy**2 * own, f / pool.stride**2, along)


@cache
def maximum_of_normals(count: int) -> float:
    """Return the mean of the largest of `count` independent standard normal numbers."""
    return math.sqrt(moments.maximum(moments.Signal(1.0, 0.0, 1e-3, 1e-3), count).mean2)


def _gate(forward: Forward, inputs: Sequence[int], position: int, whole: Gradient, own: Array) -> Gradient:
    x, gate = (forward.states[i] for i in inputs)
    e, s, f, _ = whole
    if position == 0:
        energy = (gate.variance + gate.mean**2) * e
        return Gradient(energy, gate.mean**4 * (s - e**2 * own) + energy**2 * own, f * gate.mean**2)
    # The gradient of the gate is the sum over positions of gradient × value.
    positions = area(x.shape.size)
    summed = positions * (x.torus.mean(e * x.power) + x.mean**2 * float(e[x.torus.class_of[0, 0]]))
    energy = np.full(len(gate.torus.weights), summed)
    return Gradient(energy, energy**2 * own)


def _share(whole: Gradient, part: float, own: Array, all_channels: Array) -> Gradient:
    """The gradient of some of the channels. part: their share. own, all_channels: the inverses of their numbers."""
    e, s, f, a = whole
    return Gradient(part * e, part**2 * (s - e**2 * all_channels + e**2 * own), part * f, part * a)
