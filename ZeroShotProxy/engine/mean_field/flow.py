"""The flow of SynFlow in closed form: what passes when all weights are positive (docs/mean-field.md, equations 18, 19).

Without batch-norm and with positive weights, a network is linear up to biases, so the flow that enters a layer leaves
it: it only branches. So one number for each value, its mean over channels and positions, is enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from PlainNet import ops
from PlainNet.ops import Node, OpGraph
from ZeroShotProxy.engine.mean_field.forward import inside
from ZeroShotProxy.engine.moments import LIMIT

_NOTHING = -math.inf
_WEIGHT = 1 / 3
"""The variance of |w|, uniform, divided by its squared mean."""


class Flow(NamedTuple):
    """The flow at a value. log: the logarithm of its mean over channels and positions. spread: the squared ratio of
    deviation and mean over channels. share: the share of the mean that is not bias.
    """

    log: float
    spread: float
    share: float = 1.0


def log_flow(graph: OpGraph) -> float | None:
    """Return the expected logarithm of the sum over layers of weight × gradient of the summed logits.

    Weights are the absolute values of PyTorch's default, with mean 1 / (2 √fan_in). None if nothing reaches the output.
    Raises UnknownOperationError for an operation that is not handled.
    """
    known = [Flow(0.0, 0.0)]  # the image is 1
    for node in graph.nodes:
        known.append(_after(graph, node, [known[i] for i in node.inputs]))
    if known[graph.output].log == _NOTHING:
        return None
    flows = [0.0] * len(known)
    flows[graph.output] = 1.0
    total = 0.0
    for number in range(len(graph.nodes), 0, -1):
        node, flow = graph.nodes[number - 1], flows[number]
        if not flow:
            continue
        flow *= known[number].share
        if isinstance(node.op, (ops.Conv, ops.Linear)):
            total += flow
        elif isinstance(node.op, ops.RowColumnConv):
            total += 2 * flow
        for position, source in enumerate(node.inputs):
            flows[source] += flow * _part(graph, number, position, known)
    if not total > 0:
        return None
    return known[graph.output].log + math.log(graph.shape_of(graph.output).elements) + math.log(total)


def _after(graph: OpGraph, node: Node, given: Sequence[Flow]) -> Flow:
    x, spread, _ = given[0]
    size = graph.shape_of(node.inputs[0]).size
    match node.op:
        case ops.Conv() as conv:
            channels, area = conv.in_channels // conv.groups, conv.kernel**2
            fan_in = channels * area
            # A channel's weights vary by _WEIGHT; each input channel has its own mean.
            varying = (1 + _WEIGHT / area) * (1 + spread) - 1
            gain = math.sqrt(fan_in) / 2 * inside(conv, size)
            return _biased(x + math.log(gain), varying / channels, fan_in if conv.bias else 0)
        case ops.RowColumnConv() as pair:
            gain = math.sqrt(pair.in_channels * pair.out_channels) * pair.kernel / 4
            return Flow(x + math.log(gain * inside(pair, size)), _WEIGHT / (pair.out_channels * pair.kernel))
        case ops.Linear() as linear:
            fan_in = linear.in_features
            return _biased(
                x + math.log(fan_in) / 2 - math.log(2), (_WEIGHT + spread) / fan_in, fan_in if linear.bias else 0
            )
        case ops.Relu6():
            return Flow(_cut(x, spread)[0], 0.0)
        case ops.Sigmoid():
            return Flow(-math.log1p(math.exp(-_number(x))), 0.0)
        case ops.Swish():
            return Flow(x - math.log1p(math.exp(-_number(x))), spread)
        case ops.Add():
            other = given[1]
            log = float(np.logaddexp(x, other.log))
            if log == _NOTHING:
                return given[0]
            return Flow(log, spread * math.exp(2 * (x - log)) + other.spread * math.exp(2 * (other.log - log)))
        case ops.Mul():
            return Flow(x + given[1].log, spread + given[1].spread)
        case ops.Concat():
            widths = [graph.shape_of(i).channels for i in node.inputs]
            logs = [flow.log + math.log(c) for flow, c in zip(given, widths, strict=True)]
            return Flow(float(np.logaddexp.reduce(logs)) - math.log(sum(widths)), max(f.spread for f in given))
        case ops.Zero():
            return Flow(_NOTHING, 0.0)
        case other if isinstance(other, (ops.BatchNorm, *ops.WITHOUT_WEIGHTS)):
            return Flow(x, spread)
        case other:
            raise ops.UnknownOperationError(other, "the flow of a network")


def _cut(log: float, spread: float) -> tuple[float, float]:
    """The logarithm of the mean of min(x, 6) over channels, and the share of it that comes from those below 6."""
    if log == _NOTHING:
        return log, 0.0
    z = (math.exp(math.log(LIMIT) - log) - 1) / math.sqrt(max(spread, 1e-12))
    z = min(max(z, -40.0), 40.0)
    below, density = (1 + math.erf(z / math.sqrt(2))) / 2, math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    passing = max(0.0, below - math.sqrt(spread) * density)  # relative to the mean
    cut = (1 - below) * math.exp(math.log(LIMIT) - log)
    return log + math.log(passing + cut), passing / (passing + cut)


def _number(log: float) -> float:
    """The value itself, at most 700, beyond which a gate is open anyway."""
    return math.exp(min(log, math.log(700.0)))


def _biased(log: float, spread: float, fan_in: int) -> Flow:
    """A sum with a bias of mean 1 / (2 √fan_in), if fan_in is not 0."""
    if not fan_in:
        return Flow(log, spread)
    whole = float(np.logaddexp(log, -math.log(2 * math.sqrt(fan_in))))
    return Flow(whole, spread, math.exp(log - whole))


def _part(graph: OpGraph, number: int, position: int, known: Sequence[Flow]) -> float:
    """The share of the flow through a node, without biases, that comes from one of its inputs."""
    node = graph.nodes[number - 1]
    source = node.inputs[position]
    x, out = known[source].log, known[number].log
    if x == _NOTHING:
        return 0.0
    match node.op:
        case ops.Add():
            return math.exp(x - out)
        case ops.Concat():
            return math.exp(x - out) * graph.shape_of(source).channels / node.shape.channels
        case ops.Relu6():
            return _cut(x, known[source].spread)[1]
        case ops.Sigmoid():
            # The elasticity of the function, x f'(x) / f(x); 0 for a gate that is open anyway.
            return _number(x) / (1 + math.exp(_number(x)))
        case ops.Swish():
            return 1 + _number(x) / (1 + math.exp(_number(x)))
        case ops.Zero():
            return 0.0
        case _:
            return 1.0
