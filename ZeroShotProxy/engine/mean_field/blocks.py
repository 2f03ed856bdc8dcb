"""The mean field block by block: what a search needs, in microseconds per mutated network (docs/mean-field.md, Speed).

Channel numbers only enter the statistics as fan-ins and inverse widths. So a family of blocks is walked once, with
symbols for its inverse widths (`uniform.py`), and its members are sums over their layers. What enters such a walk from
both sides are few numbers, and almost all of them only scale or shift the results:

- Most blocks begin with a convolution and a batch-norm. Then mean and variance of the input do not matter inside.
- If the input is also a term of a sum behind the branch that begins so, they matter in this sum and behind it.
- Only with gates, the energy of the gradient at other distances matters, and the covariance of positions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from typing import NamedTuple

from PlainNet import BlockSpec, Options, ops
from PlainNet.lowering import part_graph
from PlainNet.ops import Node, OpGraph
from PlainNet.template import Template, Width, template_of
from ZeroShotProxy.engine.mean_field.forward import FUNCTIONS
from ZeroShotProxy.engine.mean_field.sums import grown, of_layer
from ZeroShotProxy.engine.mean_field.uniform import Entry, Square, Value, is_uniform, square_apart, walk

_CORRELATIONS = 256
"""Steps in which the correlation of two positions that enters a block is rounded."""


@dataclass(frozen=True, eq=False)
class Family:
    """Blocks that only differ in their channel numbers, or a single block, on inputs of one size.

    graph: the operations of one of them, or of its branch. index: the places of the numbers of channels in `widths`.
    own: whether nothing depends on mean and variance of what enters. gated: whether it has gates.
    link: if the input is added to what the branch returns, the functions of one variable behind the sum, else None.
    """

    graph: OpGraph
    widths: tuple[Width, ...]
    index: dict[int, int]
    own: bool
    gated: bool
    link: tuple[Node, ...] | None

    def place(self, channels: int) -> tuple[int, float]:
        """Return the place of a number of channels of the graph; see `uniform.Place`."""
        return self.index[channels], 1.0


class FormLayer(NamedTuple):
    """A convolution of a family.

    fan_in, out: its input channels per group and its output channels, as indices of widths.
    gradient: see `uniform.LayerForm`. positions: of its output. work: multiply–accumulates for one input and output
    channel. overlap: of its output, see `uniform.Basis`.
    """

    fan_in: int
    out: int
    gradient: tuple[float, float]
    positions: int
    work: int
    overlap: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What a family, or its branch, does to statistics. See `uniform.Walk` for the fields that are not said here.

    out, channels: of the output: its statistics, and its width as an index. size: its side.
    energy, apart: of the gradient at the input, at distance 0 and at all others together, as (a, b) for a + b z.
    second: the sum over other distances of the squared energy. constants, seconds: all of `added_here` and `added_apart`
    that there is without gates.
    """

    widths: tuple[Width, ...]
    layers: tuple[FormLayer, ...]
    out: Value
    channels: int
    size: int
    energy: tuple[float, float]
    apart: tuple[float, float]
    second: Square
    kept: tuple[float, float]
    added_here: tuple[Square, ...]
    added_apart: tuple[Square, ...]
    constants: tuple[float, ...]
    seconds: tuple[float, ...]


@lru_cache(maxsize=1 << 14)
def _family(member: BlockSpec, template: Template | None, size: int, options: Options) -> Family | None:
    graph = part_graph([member], size, options)
    if not is_uniform(graph) or any(isinstance(node.op, (ops.Flatten, ops.Linear)) for node in graph.nodes):
        return None
    channels = [graph.input.channels, *(node.shape.channels for node in graph.nodes)]
    channels += [n.op.in_channels // n.op.groups for n in graph.nodes if isinstance(n.op, ops.Conv)]
    places: dict[Width, int] = {}
    index: dict[int, int] = {}
    for number in channels:
        if number not in index:
            width = Width(-1, number, 1) if template is None else template.width(number)
            index[number] = places.setdefault(width, len(places))
    graph, link = _split(graph)
    gated = any(isinstance(node.op, ops.Mul) for node in graph.nodes)
    own = _normalises(graph)
    if link is not None and not own:
        graph, link = part_graph([member], size, options), None
    return Family(graph, tuple(places), index, own, gated, link)


def _split(graph: OpGraph) -> tuple[OpGraph, tuple[Node, ...] | None]:
    """The branch of a block that adds its input to it, and the functions behind the sum; or the graph, and None."""
    for number, node in enumerate(graph.nodes, start=1):
        if isinstance(node.op, ops.Add) and 0 in node.inputs:
            behind = graph.nodes[number:]
            before = graph.nodes[: number - 1]
            inner = node.inputs[0] + node.inputs[1]  # the other one is 0
            chain = all(
                isinstance(one.op, tuple(FUNCTIONS)) and one.inputs == (number + i,) for i, one in enumerate(behind)
            )
            if chain and inner == number - 1 and graph.output == len(graph.nodes):
                return OpGraph(graph.input, before, inner, (inner,)), behind
            break
    return graph, None


def _normalises(graph: OpGraph) -> bool:
    """Whether the input is only read by convolutions that batch-norms follow, which make its scale disappear."""
    convolutions = set()
    for number, node in enumerate(graph.nodes, start=1):
        if 0 in node.inputs:
            if not isinstance(node.op, ops.Conv) or graph.output == number:
                return False
            convolutions.add(number)
        if convolutions.intersection(node.inputs) and (not isinstance(node.op, ops.BatchNorm) or node.shape.size <= 1):
            return False
    return graph.output > 0


def family_of(spec: BlockSpec, size: int, options: Options) -> Family | None:
    """Return the family of a block on inputs of `size` × `size` pixels, or None if it is not computed block by block.

    Raises StructureError if the block does not work on such an input.
    """
    template = template_of(spec)
    return _family(spec if template is None else template.probe, template, size, options)


def form_of(family: Family, entry: Entry) -> Form:
    """Return what a family, or its branch, does to statistics that enter it."""
    if family.own:
        correlation = round(_CORRELATIONS * entry.shared / entry.variance) / _CORRELATIONS if family.gated else 0.0
        entry = Entry(entry.size, 0.0, 1.0, correlation)
    return _form(family, entry)


@lru_cache(maxsize=1 << 14)
def _form(family: Family, entry: Entry) -> Form:
    graph = family.graph
    found = walk(graph, entry, family.place, len(family.widths))
    layers = []
    for number, gradient in found.layers:
        node = graph.nodes[number - 1]
        conv, size = node.op, node.shape.size
        if size <= 1 or not isinstance(conv, ops.Conv):
            continue
        places = family.index[conv.in_channels // conv.groups], family.index[conv.out_channels]
        work = conv.kernel**2 * size**2
        layers.append(FormLayer(*places, gradient, size**2, work, found.values[number].overlap))
    shape = graph.shape_of(graph.output)
    return Form(
        family.widths,
        tuple(layers),
        found.values[graph.output],
        family.index[shape.channels],
        shape.size,
        found.first.here,
        found.first.apart,
        square_apart(found.first),
        found.kept,
        tuple(found.here),
        tuple(found.apart),
        tuple(square.constant for square in found.here),
        tuple(square.second for square in found.apart),
    )


def numbers(widths: tuple[Width, ...], args: tuple[int, ...]) -> list[int]:
    """Return the widths of the block with these arguments."""
    known = (*args, 1)  # the 1 is for constant widths, whose index is -1
    return [known[arg] * numerator // denominator for arg, numerator, denominator in widths]


def weighed(parts: Sequence[float], inverses: Sequence[float]) -> float:
    """Return Σ parts · inverses. What is left of the longer one does not count."""
    return sum(map(mul, parts, inverses))


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A block without gates, or its branch, for a gradient with energy 1 and an entry with variance 1.

    gives: the output's channels. roots, amounts: see `sums.py`, for an overlap of 1 everywhere.
    overlaps: for each layer (2 r, a, b), a + b o being its overlap if o is what enters. overlap: that of the output.
    energy: of the gradient at the input. passed: the factor of its energy at other distances.
    kept, here, apart: of tr C² at the input, the factor of that at the output, what is added to it at distance 0, and at
    all others in units of Σ R(Δ)². own: 1 / channels of the output.
    """

    gives: int
    roots: float
    amounts: float
    overlaps: tuple[tuple[float, float, float], ...]
    overlap: tuple[float, float]
    energy: float
    passed: float
    kept: float
    here: float
    apart: float
    own: float


def block_of(form: Form, args: tuple[int, ...]) -> Block:
    """Return the block of a family without gates that has these arguments."""
    widths = numbers(form.widths, args)
    inverses = [1 / width for width in widths]
    roots = amounts = 0.0
    overlaps = []
    for fan_in, out, (gradient, _), positions, work, parts in form.layers:
        channels = widths[fan_in]
        root, amount = of_layer(gradient * channels, work * channels * widths[out], positions)
        roots += root
        amounts += amount
        overlaps.append((2 * root, weighed(parts, inverses), parts[-1]))
    parts = form.out.overlap
    return Block(
        widths[form.channels],
        roots,
        amounts,
        tuple(overlaps),
        (weighed(parts, inverses), parts[-1]),
        form.energy[0],
        form.apart[1],
        form.kept[0],
        weighed(form.constants, inverses),
        weighed(form.seconds, inverses),
        inverses[form.channels],
    )


class Step(NamedTuple):
    """A block without gates at a place of a network, ready for `scorer.py`, for a gradient of energy 1 behind it.

    takes, gives: channels. roots, amounts, overlaps: see `Block`; scale: a factor of the latter.
    grown, log_grown: by how much r grows before the block. kept, here, apart, second: how tr C² at the input, and the
    squared energy at other distances, follow from those at the output, in units of the squared energy at distance 0.
    constant, share: the overlap of the output is constant + share · o.
    """

    takes: int
    gives: int
    behind: object
    roots: float
    amounts: float
    scale: float
    overlaps: tuple[tuple[float, float, float], ...]
    grown: float
    log_grown: float
    kept: float
    here: float
    apart: float
    second: float
    constant: float
    share: float


class Passing(NamedTuple):
    """How a gradient passes an operation, from its output to its input.

    energy, passed: factors of the energy at distance 0 and at others. kept, here, apart: see `Block`.
    """

    energy: float
    passed: float
    kept: float
    here: float
    apart: float

    def before(self, other: Passing) -> Passing:
        """Return how it passes this operation and then, farther from the output, another one."""
        return Passing(
            self.energy * other.energy,
            self.passed * other.passed,
            self.kept * other.kept,
            other.kept * self.here + self.energy**2 * other.here,
            other.kept * self.apart + self.passed**2 * other.apart,
        )


class Exit(NamedTuple):
    """What leaves a block: mean and variance, and how its overlap follows from that which enters, a + b o."""

    mean: float
    variance: float
    constant: float
    share: float


def passing(family: Family, form: Form, block: Block, entry: Entry) -> tuple[Passing, float, Exit]:
    """Return how the gradient passes a block without gates, the factor of its layers' energies, and what leaves it."""
    variance = entry.variance if family.own else 1.0
    square = variance * variance
    through = Passing(
        block.energy / variance,
        block.passed / variance,
        block.kept / square,
        block.here / square,
        block.apart / square,
    )
    if family.link is None:
        return through, 1.0, Exit(form.out.mean, form.out.variance, *block.overlap)
    own = block.own
    summed = Passing(
        1 + through.energy,
        1 + through.passed,
        1 + through.kept,
        through.here + 2 * own * through.energy,
        through.apart + 2 * own * through.passed,
    )
    mean, total = entry.mean + form.out.mean, variance + form.out.variance
    a, b = (variance / total) ** 2, (form.out.variance / total) ** 2
    constant, share = (1 - a - b) * own + b * block.overlap[0], a + b * block.overlap[1]
    above = Passing(1.0, 1.0, 1.0, 0.0, 0.0)
    for node in family.link:
        known = FUNCTIONS[type(node.op)](mean, total)
        kept = known.slope**2
        function = Passing(known.slope2, kept, kept**2, (known.slope2**2 - kept**2) * own, 0.0)
        above = function.before(above)
        mean, total = known.mean, known.variance
        constant, share = own + known.kept**2 * (constant - own), known.kept**2 * share
    return above.before(summed), above.energy, Exit(mean, total, constant, share)


def step_of(takes: int, behind: object, block: Block, found: tuple[Passing, float, Exit]) -> Step:
    """Return a block without gates at a place. behind: the place behind it."""
    way, scale, out = found
    growth, norm = grown(way.energy), way.energy**2
    root = grown(scale)
    return Step(
        takes,
        block.gives,
        behind,
        root * block.roots,
        root * (block.amounts - 2 * block.roots * math.log(root)),
        root,
        block.overlaps,
        growth,
        math.log(growth),
        way.kept / norm,
        way.here / norm,
        way.apart / norm,
        way.passed**2 / norm,
        out.constant,
        out.share,
    )
