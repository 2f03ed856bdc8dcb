"""The mean field of graphs without pooling between positions, in plain numbers (docs/mean-field.md, equations 1 to 16).

Without pooling, values at two different positions have the same covariance at all distances: it is 0, or what gates
have brought in. A gradient has one energy at distance 0. At other distances it is a sum of combs, as it begins as a
constant over positions, each stride puts zeros between positions, and gates add new constants. Then all that matters
is linear or quadratic in a few numbers, so nothing here is an array. One walk describes a whole network or, with
symbols for the inverse widths, a family of blocks (`blocks.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from PlainNet import ops
from PlainNet.ops import BN_EPS, Node, OpGraph
from PlainNet.sizes import Size, area
from ZeroShotProxy.engine.mean_field.forward import FUNCTIONS, WEIGHT_VARIANCE, inside
from ZeroShotProxy.engine.mean_field.pointwise import Pointwise

UNIFORM = (
    ops.Conv,
    ops.BatchNorm,
    ops.Relu,
    ops.Relu6,
    ops.Swish,
    ops.Sigmoid,
    ops.Add,
    ops.Mul,
    ops.AdaptiveAvgPool,
    ops.Flatten,
    ops.Linear,
)
"""The operations of graphs that are described this way. A pooling is global, a sum has independent terms."""

Basis = tuple[float, ...]
"""A number that is linear in inverse widths and in the overlap that enters, which is the last one."""


@dataclass(slots=True)
class Value:
    """The statistics of a value, over images and positions, averaged over channels.

    mean, variance: of a channel. shared: the covariance of two positions. overlap: the inverse of the number of
    channels that vary independently. sources: the values with weights or functions that it is a sum of.
    """

    mean: float
    variance: float
    shared: float
    overlap: Basis
    sources: frozenset[int]


@dataclass(slots=True)
class Gradient:
    """The power of a gradient, summed over channels, where z is Σ over distances Δ ≠ 0 of that which enters, R(Δ).

    here: at distance 0, (a, b) for a + b z. passed: the factor of R(Δ) at other distances.
    combs: what is added there, (count, a, b): a + b z at `count` distances. Each comb is part of the next one.
    """

    here: tuple[float, float]
    passed: float
    combs: tuple[tuple[int, float, float], ...] = ()

    @property
    def apart(self) -> tuple[float, float]:
        """The sum over distances Δ ≠ 0, as (a, b) for a + b z."""
        a, b = 0.0, self.passed
        for count, constant, slope in self.combs:
            a += count * constant
            b += count * slope
        return a, b

    def scaled(self, here: float, apart: float) -> Gradient:
        """Return this gradient with other energies at distance 0 and at other distances."""
        a, b = self.here
        combs = tuple((count, apart * x, apart * y) for count, x, y in self.combs) if self.combs else ()
        return Gradient((here * a, here * b), apart * self.passed, combs)

    def plus(self, other: Gradient) -> Gradient:
        """Return the sum with an independent gradient."""
        combs: dict[int, tuple[float, float]] = {}
        for count, x, y in (*self.combs, *other.combs):
            a, b = combs.get(count, (0.0, 0.0))
            combs[count] = (a + x, b + y)
        here = (self.here[0] + other.here[0], self.here[1] + other.here[1])
        return Gradient(here, self.passed + other.passed, tuple((n, *combs[n]) for n in sorted(combs)))


class Square(NamedTuple):
    """A square: a + b z + c z² + d z2, z2 being the sum over distances Δ ≠ 0 of R(Δ)² (see `Gradient`)."""

    constant: float
    linear: float
    square: float
    second: float


def square_here(x: Gradient) -> Square:
    """Return the squared energy at distance 0."""
    a, b = x.here
    return Square(a * a, 2 * a * b, b * b, 0.0)


def square_apart(x: Gradient) -> Square:
    """Return the sum over distances Δ ≠ 0 of the squared energy."""
    if not x.combs:
        return Square(0.0, 0.0, 0.0, x.passed * x.passed)
    constant = linear = square = 0.0
    finer_a = finer_b = 0.0  # two combs overlap where the coarser one is, which comes first
    for count, a, b in reversed(x.combs):
        constant += count * a * (a + 2 * finer_a)
        linear += 2 * count * (a * b + a * finer_b + b * finer_a)
        square += count * b * (b + 2 * finer_b)
        finer_a += a
        finer_b += b
    linear += 2 * x.passed * finer_a
    square += 2 * x.passed * finer_b
    return Square(constant, linear, square, x.passed * x.passed)


class LayerForm(NamedTuple):
    """A convolution, or a linear layer.

    number: its node, from 1. gradient: the squared norm of the gradient by its weights, as (a, b) for a + b z; of a
    convolution, for one input channel per group.
    """

    number: int
    gradient: tuple[float, float]


@dataclass(slots=True)
class Walk:
    """What a walk through a graph finds.

    values: of all nodes, the input first. functions: of nodes with a function of one variable. layers: those that a
    gradient reaches. first: the gradient at the input.
    kept: the factor of tr C² of the output in that of the input, at each distance; and if the output has a single
    position, its factor in the sum over distances Δ ≠ 0. here, apart: what operations add to tr C² of the input at
    distance 0 and at all others together, by width.
    """

    values: list[Value]
    functions: dict[int, Pointwise] = field(default_factory=dict)
    layers: list[LayerForm] = field(default_factory=list)
    first: Gradient = field(default_factory=lambda: Gradient((0.0, 0.0), 0.0))
    kept: tuple[float, float] = (0.0, 0.0)
    here: list[Square] = field(default_factory=list)
    apart: list[Square] = field(default_factory=list)


def is_uniform(graph: OpGraph) -> bool:
    """Return whether a graph can be walked this way: see `UNIFORM`."""
    sources: list[frozenset[int]] = [frozenset((0,))]
    for number, node in enumerate(graph.nodes, start=1):
        match node.op:
            case ops.Add():
                x, y = (sources[i] for i in node.inputs)
                if x & y:
                    return False
                sources.append(x | y)
            case ops.AdaptiveAvgPool() as pool if pool.size != 1:
                return False
            case ops.BatchNorm() | ops.Flatten():
                sources.append(sources[node.inputs[0]])
            case op if isinstance(op, UNIFORM):
                sources.append(frozenset((number,)))
            case _:
                return False
    return True


Place = Callable[[int], tuple[int, float]]
"""The width that a number of channels of the graph is, as an index, and a factor: 1, or the inverse of the number."""


class Entry(NamedTuple):
    """The statistics of what enters: see `Value`. size: of the map."""

    size: Size
    mean: float
    variance: float
    shared: float


IMAGE_MEAN, IMAGE_VARIANCE = 0.0, 1.0
"""Of noise from N(0, 1)."""


def walk(graph: OpGraph, entry: Entry, place: Place, widths: int) -> Walk:
    """Walk through a graph, forward and back. See `is_uniform`. widths: how many of them `place` knows."""
    entering = tuple(float(i == widths) for i in range(widths + 1))
    found = Walk([Value(entry.mean, entry.variance, entry.shared, entering, frozenset())])
    for number, node in enumerate(graph.nodes, start=1):
        found.values.append(_after(found, graph, number, node, place))
    _back(found, graph, place, widths)
    return found


def _mixed(own: tuple[int, float], scale: float, share: float, overlap: Basis, grouped: float = 0.0) -> Basis:
    """scale · own + share · (overlap − grouped · own): how an overlap changes; `own` is an inverse width."""
    index, factor = own
    found = [share * part for part in overlap]
    found[index] += (scale - share * grouped) * factor
    return tuple(found)


def _positions(size: Size) -> int:
    return max(1, area(size))


def _after(found: Walk, graph: OpGraph, number: int, node: Node, place: Place) -> Value:
    """The statistics of the output of a node (equations 2 to 8)."""
    x, size = found.values[node.inputs[0]], graph.shape_of(node.inputs[0]).size
    own = place(node.shape.channels)
    match node.op:
        case ops.Conv() as conv:
            gain, taps = WEIGHT_VARIANCE * inside(conv, size), conv.kernel**2
            overlap = _mixed(own, 1.0, 1 / taps, x.overlap)
            if conv.groups > 1:
                overlap = _mixed(place(conv.in_channels), -1 / taps, 1.0, overlap)
            return Value(0.0, gain * x.variance, gain * x.shared, overlap, x.sources)
        case ops.Linear():
            overlap = _mixed(own, 1.0, 1.0, x.overlap)
            return Value(0.0, WEIGHT_VARIANCE * x.variance, 0.0, overlap, x.sources)
        case ops.BatchNorm():
            factor = 1 / (x.variance + (BN_EPS if _positions(node.shape.size) == 1 else 0.0))
            return Value(0.0, x.variance * factor, x.shared * factor, x.overlap, x.sources)
        case ops.Relu() | ops.Relu6() | ops.Swish() | ops.Sigmoid():
            known = found.functions[number] = FUNCTIONS[type(node.op)](x.mean, x.variance)
            shared = known.covariance_at(x.shared / x.variance) if x.shared else 0.0
            return Value(known.mean, known.variance, shared, _mixed(own, 1.0, known.kept**2, x.overlap, 1.0), x.sources)
        case ops.AdaptiveAvgPool():
            positions = _positions(size)
            variance = (x.variance + (positions - 1) * x.shared) / positions
            return Value(x.mean, variance, 0.0, x.overlap, x.sources)
        case ops.Add():
            y = found.values[node.inputs[1]]
            variance = x.variance + y.variance
            a, b = (x.variance / variance) ** 2, (y.variance / variance) ** 2
            overlap = tuple(a * p + b * q for p, q in zip(x.overlap, y.overlap, strict=True))
            overlap = _mixed(own, 1 - a - b, 1.0, overlap)
            return Value(x.mean + y.mean, variance, x.shared + y.shared, overlap, x.sources)
        case ops.Mul():
            # A product with a gate, which is the same at all positions (equation 7).
            gate = found.values[node.inputs[1]]
            second = gate.variance + gate.mean**2
            common = gate.variance * x.mean**2
            variance, shared = x.variance * second + common, x.shared * second + common
            overlap = _mixed(own, 1.0, (gate.mean**2 / second) ** 2, x.overlap, 1.0)
            return Value(x.mean * gate.mean, variance, shared, overlap, x.sources)
        case ops.Flatten():
            return x
        case other:
            raise ops.UnknownOperationError(other, "the mean field without pooling")


def _weights(found: Walk, graph: OpGraph) -> list[tuple[float, float]]:
    """For the tr C² of each value, its factor in that of the input.

    The first factor is at distance 0, and at each other distance of values with several positions. The second one is of
    tr C² of a single position in that of the input at distances Δ ≠ 0, which a global pooling leads to.
    """
    weights = [(1.0, 0.0)]
    for number, node in enumerate(graph.nodes, start=1):
        here, apart = weights[node.inputs[0]]
        x, size = found.values[node.inputs[0]], graph.shape_of(node.inputs[0]).size
        match node.op:
            case ops.Conv() as conv:
                factor = (WEIGHT_VARIANCE * inside(conv, size) / conv.stride) ** 2
            case ops.Linear():
                factor = WEIGHT_VARIANCE**2
            case ops.BatchNorm():
                factor = (x.variance + (BN_EPS if _positions(node.shape.size) == 1 else 0.0)) ** -2
            case ops.Relu() | ops.Relu6() | ops.Swish() | ops.Sigmoid():
                factor = found.functions[number].slope ** 4
            case ops.AdaptiveAvgPool():
                positions = _positions(size)
                factor = positions**-4.0
                apart += (positions - 1) * here
            case ops.Add():
                other = weights[node.inputs[1]]
                here, apart, factor = here + other[0], apart + other[1], 1.0
            case ops.Mul():
                factor = found.values[node.inputs[1]].mean ** 4
            case _:
                factor = 1.0
        weights.append((factor * here, factor * apart))
    return weights


def _back(found: Walk, graph: OpGraph, place: Place, widths: int) -> None:
    """Carry the gradient back (equations 9 to 15)."""
    weights = _weights(found, graph)
    arrived: list[Gradient | None] = [None] * len(found.values)
    arrived[graph.output] = Gradient((1.0, 0.0), 1.0)
    here, apart = [[0.0] * 4 for _ in range(widths)], [[0.0] * 4 for _ in range(widths)]

    def add(value: int, gradient: Gradient, at_zero: float, elsewhere: float) -> None:
        """Add factors · squared energy / channels to tr C² of a value."""
        index, factor = place(graph.shape_of(value).channels)
        weight, single = weights[value]
        _accumulate(here[index], factor * at_zero * weight, square_here(gradient))
        if single:
            _accumulate(apart[index], factor * at_zero * single, square_here(gradient))
        elif elsewhere and _positions(graph.shape_of(value).size) > 1:
            _accumulate(apart[index], factor * elsewhere * weight, square_apart(gradient))

    def arrive(value: int, gradient: Gradient) -> None:
        before = arrived[value]
        if before is None:
            arrived[value] = gradient
            return
        both = arrived[value] = before.plus(gradient)
        add(value, both, 1.0, 1.0)
        add(value, before, -1.0, -1.0)
        add(value, gradient, -1.0, -1.0)

    for number in range(len(graph.nodes), 0, -1):
        node, whole = graph.nodes[number - 1], arrived[number]
        if whole is None:
            continue
        source = node.inputs[0]
        x, shape = found.values[source], graph.shape_of(source)
        match node.op:
            case ops.Conv() as conv:
                found.layers.append(LayerForm(number, _weight_gradient(conv, x, shape.size, node.shape.size, whole)))
                factor = WEIGHT_VARIANCE * inside(conv, shape.size) / conv.stride**2
                before = whole.scaled(factor, factor)
                add(source, before, 1.0, 1.0)
            case ops.Linear() as linear:
                a, b = whole.here
                square = linear.in_features * (x.mean**2 + x.variance)
                found.layers.append(LayerForm(number, (square * a, square * b)))
                before = whole.scaled(WEIGHT_VARIANCE, WEIGHT_VARIANCE)
                add(source, before, 1.0, 1.0)
            case ops.BatchNorm():
                factor = 1 / (x.variance + (BN_EPS if _positions(shape.size) == 1 else 0.0))
                before = whole.scaled(factor, factor)
            case ops.Relu() | ops.Relu6() | ops.Swish() | ops.Sigmoid():
                known = found.functions[number]
                kept = known.slope**2
                correlated = known.slopes_at(x.shared / x.variance) if x.shared else kept
                add(source, whole, known.slope2**2 - kept**2, correlated**2 - kept**2)
                before = whole.scaled(known.slope2, correlated)
            case ops.AdaptiveAvgPool():
                positions = _positions(shape.size)
                a, b = (part / positions**2 for part in whole.here)
                before = Gradient((a, b), 0.0, ((positions - 1, a, b),))
            case ops.Mul():
                gate_value = node.inputs[1]
                gate = found.values[gate_value]
                second = gate.variance + gate.mean**2
                factor = second**2 - gate.mean**4
                add(source, whole, factor, factor)
                gradient = _at_gate(x, _positions(shape.size), whole)
                add(gate_value, gradient, 1.0, 0.0)
                arrive(gate_value, gradient)
                before = whole.scaled(second, second)
            case ops.Add():
                arrive(node.inputs[1], whole)
                before = whole
            case _:
                before = whole
        arrive(source, before)
    found.kept = weights[graph.output]
    found.here, found.apart = [Square(*one) for one in here], [Square(*one) for one in apart]
    assert arrived[0] is not None  # each operation passes a gradient on
    found.first = arrived[0]


def _accumulate(total: list[float], factor: float, square: Square) -> None:
    for i, part in enumerate(square):
        total[i] += factor * part


def _at_gate(x: Value, positions: int, whole: Gradient) -> Gradient:
    """The gradient of a gate, the sum over positions of gradient × value."""
    here, apart = positions * (x.variance + x.mean**2), positions * (x.shared + x.mean**2)
    a, b = whole.apart
    return Gradient((here * whole.here[0] + apart * a, here * whole.here[1] + apart * b), 0.0)


def _weight_gradient(conv: ops.Conv, x: Value, size: Size, out: Size, whole: Gradient) -> tuple[float, float]:
    """The squared norm of the gradient of a convolution, for one input channel per group (equation 15)."""
    factor = conv.kernel**2 * inside(conv, size) * area(out)
    a, b = (x.variance * part for part in whole.here)
    if x.shared:
        p, q = whole.apart
        a, b = a + x.shared * p, b + x.shared * q
    return factor * a, factor * b
