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
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from PlainNet import BlockSpec, Options, ops
from PlainNet.lowering import part_graph
from PlainNet.ops import Node, OpGraph
from PlainNet.template import Template, Width, template_of
from ZeroShotProxy.engine.mean_field.forward import FUNCTIONS
from ZeroShotProxy.engine.mean_field.sums import Sums, of_layer, scaled
from ZeroShotProxy.engine.mean_field.uniform import Entry, Value, is_uniform, walk

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


class Group(NamedTuple):
    """Convolutions of a family with the same widths, as one.

    fan_in, out: the input channels per group and the output channels, as indices of widths. sums: of the layers, for
    one input and output channel.
    """

    fan_in: int
    out: int
    sums: Sums


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What a family without gates, or its branch, does to statistics, for a gradient of energy 1 behind it.

    layers: (fan_in, 2 r) for each convolution, see `Group`. shares: how their overlaps depend on the one that enters.
    inverses: what is linear in inverse widths, (number of layers + 3, widths): these overlaps, that of the output, and
    what is added to tr C² of the input at distance 0, and at all others together in units of Σ R(Δ)².
    out, channels, size: of the output: its statistics, its width as an index, and its side.
    energy, passed: of the gradient at the input, at distance 0 and as a factor at others. kept: the factor of tr C².
    """

    widths: tuple[Width, ...]
    groups: tuple[Group, ...]
    layers: tuple[tuple[int, float], ...]
    shares: tuple[float, ...]
    inverses: NDArray[np.float64]
    out: Value
    channels: int
    size: int
    energy: float
    passed: float
    kept: float


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
    groups: dict[tuple[int, int], Sums] = {}
    layers, shares, rows = [], [], []
    for number, (gradient, _) in found.layers:
        node = graph.nodes[number - 1]
        conv, size = node.op, node.shape.size
        if size <= 1 or not isinstance(conv, ops.Conv):
            continue
        key = family.index[conv.in_channels // conv.groups], family.index[conv.out_channels]
        one = of_layer(gradient, conv.kernel**2 * size**2, size**2)
        before = groups.get(key, Sums(0.0, 0.0))
        groups[key] = Sums(before.roots + one.roots, before.amounts + one.amounts)
        layers.append((key[0], 2 * one.roots))
        *parts, share = found.values[number].overlap
        rows.append(parts)
        shares.append(share)
    out, shape = found.values[graph.output], graph.shape_of(graph.output)
    rows.append(list(out.overlap[:-1]))
    rows.append([square.constant for square in found.here])
    rows.append([square.second for square in found.apart])
    return Form(
        family.widths,
        tuple(Group(*key, sums) for key, sums in groups.items()),
        tuple(layers),
        tuple(shares),
        np.array(rows),
        out,
        family.index[shape.channels],
        shape.size,
        found.first.here[0],
        found.first.passed,
        found.kept[0],
    )


def numbers(widths: tuple[Width, ...], args: tuple[int, ...]) -> list[int]:
    """Return the widths of the block with these arguments."""
    known = (*args, 1)  # the 1 is for constant widths, whose index is -1
    return [known[arg] * numerator // denominator for arg, numerator, denominator in widths]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A block without gates, or its branch, for a gradient with energy 1 and an entry with variance 1.

    gives: the output's channels. own: 1 / gives. sums: see `sums.py`, for an overlap of 1 everywhere.
    roots, constants, shares: for each layer, 2 r, a and b, the overlap being a + b o if o is what enters.
    overlap, here, apart: of the output, and what is added to tr C²; see `Form.inverses`.
    """

    gives: int
    own: float
    sums: Sums
    roots: tuple[float, ...]
    constants: tuple[float, ...]
    shares: tuple[float, ...]
    overlap: float
    here: float
    apart: float


def block_of(form: Form, args: tuple[int, ...]) -> Block:
    """Return the block of a family without gates that has these arguments."""
    widths = numbers(form.widths, args)
    *constants, overlap, here, apart = (form.inverses @ [1 / width for width in widths]).tolist()
    roots = amounts = 0.0
    for fan_in, out, sums in form.groups:
        root, amount = scaled(sums, widths[fan_in], widths[fan_in] * widths[out])
        roots += root
        amounts += amount
    quarter = [math.sqrt(math.sqrt(width)) for width in widths]
    gives = widths[form.channels]
    return Block(
        gives,
        1 / gives,
        Sums(roots, amounts),
        tuple([root * quarter[i] for i, root in form.layers]),
        tuple(constants),
        form.shares,
        overlap,
        here,
        apart,
    )


class Step(NamedTuple):
    """A block without gates at a place of a network, ready for `scorer.py`, for a gradient of energy 1 behind it.

    takes, gives: channels. own, amount: the sums, for an overlap of 1 everywhere. roots, constants, shares: see `Block`; scale: a factor
    of the first.
    grown, shift: for the sums of the layers behind the block, roots · grown and (amounts + roots · shift) · grown. kept, here, apart, second: how tr C² at the input, and the
    squared energy at other distances, follow from those at the output, in units of the squared energy at distance 0.
    constant, share: the overlap of the output is constant + share · o.
    """

    takes: int
    gives: int
    behind: object
    own: float
    amount: float
    scale: float
    roots: tuple[float, ...]
    constants: tuple[float, ...]
    shares: tuple[float, ...]
    grown: float
    shift: float
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
        form.energy / variance,
        form.passed / variance,
        form.kept / square,
        block.here / square,
        block.apart / square,
    )
    if family.link is None:
        return through, 1.0, Exit(form.out.mean, form.out.variance, block.overlap, form.out.overlap[-1])
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
    constant, share = (1 - a - b) * own + b * block.overlap, a + b * form.out.overlap[-1]
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
    unit = scaled(Sums(1.0, 0.0), way.energy)
    norm = way.energy**2
    own = scaled(block.sums, scale)
    return Step(
        takes,
        block.gives,
        behind,
        own.roots,
        own.amounts,
        own.roots / block.sums.roots if block.roots else 1.0,
        block.roots,
        block.constants,
        block.shares,
        unit.roots,
        unit.amounts / unit.roots,
        way.kept / norm,
        way.here / norm,
        way.apart / norm,
        way.passed**2 / norm,
        out.constant,
        out.share,
    )
