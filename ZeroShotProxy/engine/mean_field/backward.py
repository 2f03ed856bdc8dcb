"""The statistics of gradients, from the output back to the input (docs/mean-field.md, equations 9 to 17)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from PlainNet import ops
from PlainNet.ops import BN_EPS, OpGraph
from ZeroShotProxy.engine.mean_field.forward import WEIGHT_VARIANCE, Forward, State, inside
from ZeroShotProxy.engine.mean_field.pointwise import Pointwise, series
from ZeroShotProxy.engine.mean_field.torus import Array, Torus, folded


class Gradient(NamedTuple):
    """The statistics of a gradient that is independent of others.

    energy: its power at each frequency, summed over channels, (classes,). square: tr C² of its covariance C over images
    and channels at each frequency, (classes,). fixed: the energy of what is the same at all positions and for all
    images. along: the part of the energy that is linear in the normalised value itself; batch-norm removes it.
    """

    energy: Array
    square: Array
    fixed: float = 0.0
    along: float = 0.0


Parts = Mapping[int, tuple[Gradient, "Array | float"]]
"""A gradient as a sum of independent ones: for each source, its statistics and the transfer function since."""


@dataclass(frozen=True, slots=True, eq=False)
class Backward:
    """The gradients of all values, summed over where each one is used; None where nothing reaches the output."""

    gradients: list[Gradient | None]


def total(parts: Parts, channels: int) -> Gradient | None:
    """Return the statistics of a sum of independent gradients of a value with so many channels."""
    if not parts:
        return None
    if len(parts) == 1:
        ((gradient, transfer),) = parts.values()
        return _through(gradient, transfer)
    energy = square = fixed = along = 0.0
    for gradient, transfer in parts.values():
        e, s, f, a = _through(gradient, transfer)
        square = square + s + 2 * energy * e / channels
        energy, fixed, along = energy + e, fixed + f, along + a
    return Gradient(energy, square, fixed, along)


def _through(gradient: Gradient, transfer: Array | float) -> Gradient:
    if isinstance(transfer, float):
        if transfer == 1.0:
            return gradient
        power = transfer**2
        e, s, f, a = gradient
        return Gradient(power * e, power**2 * s, power * f, power * a)
    power = transfer**2
    return Gradient(power * gradient.energy, power**2 * gradient.square, gradient.fixed, gradient.along)


def carry_back(graph: OpGraph, forward: Forward, *, same_for_images: bool) -> Backward:
    """Carry the gradient of the logits back to every value.

    same_for_images: whether the gradient is that of the summed logits, the same for all images, instead of that of a
    loss, which differs between images.

    Raises UnknownOperationError for an operation that is not handled.
    """
    states = forward.states
    parts: list[dict[int, tuple[Gradient, Array | float]]] = [{} for _ in states]
    fresh = _Counter()
    last = states[graph.output]
    one = np.ones(len(last.torus.weights))
    if same_for_images:
        start = Gradient(0.0 * one, 0.0 * one, 1.0)
    else:
        # The errors of a batch have one direction fewer than there are classes.
        start = Gradient(one, one / max(1, last.shape.channels - 1))
    parts[graph.output][fresh()] = (start, 1.0)
    found: list[Gradient | None] = [None] * len(states)
    for number in range(len(graph.nodes), 0, -1):
        node = graph.nodes[number - 1]
        own = parts[number]
        whole = total(own, node.shape.channels)
        found[number] = whole
        if whole is None:
            continue
        for position, source in enumerate(node.inputs):
            for key, (gradient, transfer) in _before(forward, graph, number, position, own, whole, fresh).items():
                if key in parts[source]:
                    transfer = transfer + parts[source][key][1]
                parts[source][key] = (gradient, transfer)
    found[0] = total(parts[0], graph.input.channels)
    return Backward(found)


class _Counter:
    def __init__(self) -> None:
        self._next = 0

    def __call__(self) -> int:
        self._next += 1
        return self._next


def _before(
    forward: Forward, graph: OpGraph, number: int, position: int, parts: Parts, whole: Gradient, fresh: _Counter
) -> Parts:
    """The gradient of an input of a node, given that of its output, as parts and as a whole."""
    node = graph.nodes[number - 1]
    x, y = forward.states[node.inputs[position]], forward.states[number]
    match node.op:
        case _ if x.dead:
            return {}
        case ops.Conv() as conv:
            return {fresh(): (_convolved(whole, x, y, conv.stride, inside(conv, x.shape.size), 1), 1.0)}
        case ops.RowColumnConv() as pair:
            return {fresh(): (_convolved(whole, x, y, pair.stride, inside(pair, x.shape.size), 2), 1.0)}
        case ops.Linear():
            energy = WEIGHT_VARIANCE * whole.energy
            square = WEIGHT_VARIANCE**2 * whole.square + energy**2 / x.shape.channels
            return {fresh(): (Gradient(energy, square, WEIGHT_VARIANCE * whole.fixed), 1.0)}
        case ops.BatchNorm():
            factor = 1 / math.sqrt(x.variance + (BN_EPS if x.shape.size <= 1 else 0.0))
            return {key: (_centred(gradient), transfer * factor) for key, (gradient, transfer) in parts.items()}
        case ops.Relu() | ops.Relu6() | ops.Swish() | ops.Sigmoid():
            known, correlations = forward.functions.get(number, (None, None))
            if known is None:
                return {}
            return {fresh(): (_masked(whole, known, correlations, x.torus, x.shape.channels), 1.0)}
        case ops.AvgPool() as pool:
            box = x.torus.box(pool.kernel)
            if pool.stride == 1:
                return {key: (gradient, transfer * box) for key, (gradient, transfer) in parts.items()}
            spread = _spread(whole, x, y, pool.stride)
            return {fresh(): (_through(spread, box), 1.0)}
        case ops.MaxPool() as pool:
            return {fresh(): (_routed(_spread(whole, x, y, pool.stride), x, pool.kernel), 1.0)}
        case ops.AdaptiveAvgPool() as pool:
            area = max(1.0, (x.shape.size / pool.size) ** 2)
            # The same at all positions, so nothing but the constant.
            e, s = float(whole.energy[0]), float(whole.square[0])
            c = x.torus.constant
            return {fresh(): (Gradient(e / area**2 * c, s / area**4 * c**2, whole.fixed / area**2), 1.0)}
        case ops.Mul():
            return {fresh(): (_gate(forward, node.inputs, position, whole), 1.0)}
        case ops.Concat():
            return {fresh(): (_share(whole, x.shape.channels, y.shape.channels), 1.0)}
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
    area = stride * stride
    return Gradient(gradient.energy[index] / area, gradient.square[index] / area, gradient.fixed / area)


def _convolved(whole: Gradient, x: State, y: State, stride: int, share: float, layers: int) -> Gradient:
    gain = share * WEIGHT_VARIANCE**layers
    e, s, f, _ = _spread(whole, x, y, stride)
    energy = gain * e
    return Gradient(energy, gain**2 * s + layers * energy**2 / x.shape.channels, gain * f)


def _centred(gradient: Gradient) -> Gradient:
    """What batch-norm leaves: nothing that is the same for all images and positions, or linear in its own output."""
    if not gradient.fixed and not gradient.along:
        return gradient
    kept = gradient.energy - gradient.along
    factor = np.divide(kept, gradient.energy, out=np.zeros_like(kept), where=gradient.energy > 0)
    return Gradient(kept, gradient.square * factor**2)


def _masked(whole: Gradient, known: Pointwise, correlations: Array | None, here: Torus, channels: int) -> Gradient:
    e, s, f, _ = whole
    keep = known.slope**2
    if correlations is None:
        white = known.slope2 - keep
        energy = keep * e + white * here.mean(e)
        ripple = white
    else:
        kernel = series(known.slopes, correlations, constant=True)
        energy = here.to_powers @ (kernel * (here.to_positions @ e))
        ripple = here.to_powers @ (kernel - keep)
    between = np.maximum(s - e**2 / channels, 0.0)  # of different channels, whose slopes are independent
    own, along = energy, 0.0
    if f:
        own = energy + f * ripple
        along = f * known.along
    return Gradient(own, keep**2 * between + own**2 / channels, f * keep, along)


def _routed(gradient: Gradient, x: State, kernel: int) -> Gradient:
    """The gradient of a maximum goes to one of the kernel × kernel inputs, at random."""
    e, s, f, _ = gradient
    area = kernel * kernel
    box = x.torus.box(kernel) ** 2
    mean = x.torus.mean(e) - x.torus.mean(e * box)
    energy = e * box + mean
    between = np.maximum(s - e**2 / x.shape.channels, 0.0) * box**2
    return Gradient(energy, between + energy**2 / x.shape.channels, f / area)


def _gate(forward: Forward, inputs: Sequence[int], position: int, whole: Gradient) -> Gradient:
    x, gate = (forward.states[i] for i in inputs)
    e, s, f, _ = whole
    channels = x.shape.channels
    between = np.maximum(s - e**2 / channels, 0.0)
    if position == 0:
        second = gate.variance + gate.mean**2
        return Gradient(second * e, gate.mean**4 * between + (second * e) ** 2 / channels, f * gate.mean**2)
    # dL/dgate is the sum over positions of gradient × value.
    positions = x.shape.size**2
    energy = positions * (x.torus.mean(e * x.power) + x.mean**2 * float(e[x.torus.class_of[0, 0]]))
    one = np.ones(len(gate.torus.weights))
    return Gradient(energy * one, energy**2 / channels * one)


def _share(whole: Gradient, channels: int, of: int) -> Gradient:
    e, s, f, a = whole
    part = channels / of
    square = part**2 * (s - e**2 / of + e**2 / channels)
    return Gradient(part * e, square, part * f, part * a)
