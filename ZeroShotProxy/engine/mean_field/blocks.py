"""The mean field block by block: what a search needs, in microseconds per mutated network (docs/mean-field.md, Speed).

Channel numbers only enter the statistics as fan-ins and inverse widths. So a family of blocks is walked once, with
symbols for its inverse widths (`uniform.py`), and its members are sums over their layers. What enters such a walk from
both sides are few numbers, and almost all of them only scale or shift the results:

- Most blocks begin with a convolution and a batch-norm. Then mean and variance of the input do not matter inside.
- If the input is also a term of a sum behind the branch that begins so, they matter in this sum and behind it.
- Only with gates, the energy of the gradient at other distances matters, and the covariance of positions.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from PlainNet import BlockSpec, Options, ops
from PlainNet.lowering import part_graph
from PlainNet.ops import Node, OpGraph
from PlainNet.sizes import Size, area, each_side, sides
from PlainNet.template import Template, Width
from ZeroShotProxy.engine.mean_field.forward import FUNCTIONS
from ZeroShotProxy.engine.mean_field.sums import Group, energy_of, growth, of_layer, of_widths
from ZeroShotProxy.engine.mean_field.trunk import trunk_of
from ZeroShotProxy.engine.mean_field.uniform import Entry, Value, Walk, is_uniform, walk


@dataclass(frozen=True, eq=False)
class Family:
    """Blocks that only differ in their channel numbers, or a single block.

    graph: the operations of one of them, or of its branch. index: the places of the numbers of channels in `widths`.
    own: whether nothing depends on mean and variance of what enters. gated: whether it has gates.
    link: if the input is added to what the branch returns, the functions of one variable behind the sum, else None.
    strides: if the size of the input only matters for the sizes of others, how much smaller each value is, else None.
    """

    graph: OpGraph
    widths: tuple[Width, ...]
    index: dict[int, int]
    own: bool
    gated: bool
    link: tuple[Node, ...] | None
    strides: tuple[int, ...] | None

    def place(self, channels: int) -> tuple[int, float]:
        """Return the place of a number of channels of the graph; see `uniform.Place`."""
        return self.index[channels], 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What a family without gates, or its branch, does to statistics.

    The gradient behind a branch has an energy of 1. For other blocks, the product with the variance there is 1.
    groups: the sums over its convolutions, see `sums.of_widths`.
    table: (2 · number of layers + 3, widths + groups), what is linear in inverse widths and in the factors of r of
    groups (see `sums.of_widths`): r / 2 and the overlap of each layer, the overlap of the output, and what is added
    to tr C² of the input at distance 0, and at all others together in units of Σ R(Δ)²; the last two in units of the
    squared energy at the input. shares: how the overlaps of layers depend on the one that enters. offsets: the depths
    of layers, from the input of the block; deeper: that of its output.
    out, channels, share, size: of the output: its statistics, its width as an index, how its overlap depends on the one
    that enters, and its size.
    energy, passed: factors of the gradient's energy at the input, at distance 0 and at others.
    growth: see `Step`: grown, shift, kept, second.
    """

    widths: tuple[Width, ...]
    groups: tuple[Group, ...]
    table: NDArray[np.float64]
    shares: tuple[float, ...]
    offsets: tuple[int, ...]
    deeper: int
    out: Value
    channels: int
    share: float
    size: Size
    energy: float
    passed: float
    growth: tuple[float, float, float, float]


@lru_cache(maxsize=1 << 14)
def _family(member: BlockSpec, template: Template | None, size: Size, options: Options) -> Family | None:
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
    return Family(graph, tuple(places), index, own, gated, link, _strides(graph) if own and not gated else None)


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
        if convolutions.intersection(node.inputs) and (
            not isinstance(node.op, ops.BatchNorm) or area(node.shape.size) <= 1
        ):
            return False
    return graph.output > 0


def _strides(graph: OpGraph) -> tuple[int, ...] | None:
    """The stride of each value, from the input, if every convolution is followed by a batch-norm.

    Then the share of taps in the padding does not matter, as the batch-norm undoes it.
    """
    strides = [1]
    for number, node in enumerate(graph.nodes, start=1):
        op = node.op
        read = [other.op for other in graph.nodes if number in other.inputs]
        if isinstance(op, ops.Conv) and (op.extent % 2 == 0 or not all(isinstance(one, ops.BatchNorm) for one in read)):
            return None
        if isinstance(op, ops.AdaptiveAvgPool):
            return None
        strides.append(strides[node.inputs[0]] * (op.stride if isinstance(op, ops.Conv) else 1))
    return tuple(strides)


_LARGE = 1 << 10
"""A size at which the families are lowered that are the same at all sizes."""


def family_of(
    spec: BlockSpec, template: Template | None, size: Size, options: Options, *, any_size: bool = True
) -> Family | None:
    """Return the family of a block on inputs of this size in pixels, or None if it is not computed block by block.

    template: its template, if it has one. any_size: whether it may have been lowered for another size; see
    `Family.strides`. Raises StructureError if the block does not work on such an input.
    """
    member = spec if template is None else template.probe
    if any_size and area(size) > 1 and template is not None:
        found = _family(member, template, _LARGE, options)
        if found is not None and found.strides is not None and max(found.strides) < min(sides(size)):
            return found
    return _family(member, template, size, options)


def form_of(family: Family, entry: Entry, detail: float) -> Form:
    """Return what a family, or its branch, does to statistics that enter it. detail: see `sums.Training`."""
    size = entry.size
    if family.own:
        entry = Entry(size if family.strides is None else _LARGE, 0.0, 1.0, 0.0)
    return _form(family, size, entry.variance, _walked(family, entry), detail)


@lru_cache(maxsize=1 << 14)
def _walked(family: Family, entry: Entry) -> Walk:
    return walk(family.graph, entry, family.place, len(family.widths))


def _form(family: Family, size: Size, variance: float, found: Walk, detail: float) -> Form:
    graph, strides = family.graph, family.strides
    out, shape = found.values[graph.output], graph.shape_of(graph.output)
    unit = 1.0 if family.link is not None else out.variance
    trunk = trunk_of(graph)
    groups: dict[tuple[int, int], tuple[float, float, float, float]] = {}
    shares: list[float] = []
    offsets: list[int] = []
    nothing = [0.0] * len(family.widths)
    rows: list[tuple[dict[int, float], list[float]]] = []  # by number of the group, and by width
    for number, (gradient, _) in found.layers:
        node = graph.nodes[number - 1]
        conv, walked = node.op, area(node.shape.size)
        positions = walked if strides is None else area(_strided(size, strides[number]))
        if trunk.pooled[number] or not isinstance(conv, ops.Conv):
            continue
        key = family.index[conv.in_channels // conv.groups], family.index[conv.out_channels]
        square = gradient * (positions / walked) / unit
        computed = conv.kernel**2 * positions
        root, amount = of_layer(square, 1, computed, positions, detail)
        roots, amounts, squares, flops = groups.get(key, (0.0, 0.0, 0.0, 0.0))
        groups[key] = (roots + root, amounts + amount, squares + square, flops + computed)
        *parts, share = found.values[number].overlap
        rows += [({list(groups).index(key): root / 2}, nothing), ({}, parts)]
        shares.append(share)
        offsets.append(trunk.depths[number])
    energy, passed = found.first.here[0], found.first.passed
    norm = energy**2
    rows.append(({}, list(out.overlap[:-1])))
    rows.append(({}, [square.constant / norm for square in found.here]))
    rows.append(({}, [square.second / norm for square in found.apart]))
    return Form(
        family.widths,
        tuple((*key, *sums) for key, sums in groups.items()),
        np.array([parts + [own.get(i, 0.0) for i in range(len(groups))] for own, parts in rows]),
        tuple(shares),
        tuple(offsets),
        trunk.depths[graph.output],
        out,
        family.index[shape.channels],
        out.overlap[-1],
        shape.size if strides is None else _strided(size, strides[graph.output]),
        energy,
        passed,
        (*growth(energy * variance / unit), found.kept[0] / norm, passed**2 / norm),
    )


def _strided(size: Size, stride: int) -> Size:
    return each_side(lambda side: -(-side // stride), size)


def numbers(widths: tuple[Width, ...], args: tuple[int, ...]) -> list[int]:
    """Return the widths of the block with these arguments."""
    known = (*args, 1)  # the 1 is for constant widths, whose index is -1
    return [known[arg] * numerator // denominator for arg, numerator, denominator in widths]


class Step(NamedTuple):
    """A block without gates at a place of a network, ready for `scorer.py`.

    The gradient at its output has an energy such that the product with the variance there is 1.
    takes, gives: channels. behind: the place behind it.
    roots, amounts, squares, flops: see `sums.py`, for an overlap and a depth of 1 everywhere. layers: r / 2 and a of
    each layer in turn; shares: b, the overlap being a + b o if o is what enters. offsets, deeper: see `Form`. scale: a
    factor of r in `layers`.
    grown, shift: how the sums of the layers behind the block grow, see `sums.py`. kept, here, apart, second: how tr C²
    at the input, and the squared energy at other distances, follow from those at the output, in units of the squared
    energy at distance 0.
    constant, share: the overlap of the output is constant + share · o.
    """

    takes: int
    gives: int
    behind: Any  # a place of `scorer.py`
    roots: float
    amounts: float
    squares: float
    flops: float
    scale: float
    layers: array[float]
    shares: tuple[float, ...]
    offsets: tuple[int, ...]
    deeper: int
    grown: float
    shift: float
    kept: float
    here: float
    apart: float
    second: float
    constant: float
    share: float


def step_of(form: Form, args: tuple[int, ...], takes: int, behind: object) -> Step:
    """Return the block with these arguments, for an entry of the form's variance."""
    widths = numbers(form.widths, args)
    roots, amounts, squares, flops, factors = of_widths(form.groups, widths)
    columns = np.array([*(1 / width for width in widths), *factors])
    layers = array("d", form.table.dot(columns).tobytes())
    overlap, here, apart = layers[-3:]
    grown, shift, kept, second = form.growth
    return Step(
        takes,
        widths[form.channels],
        behind,
        roots,
        amounts,
        squares,
        flops,
        1.0,
        layers,
        form.shares,
        form.offsets,
        form.deeper,
        grown,
        shift,
        kept,
        here,
        apart,
        second,
        overlap,
        form.share,
    )


class Link(NamedTuple):
    """What adding the input to a branch, and the functions behind the sum, do at a place, for a family of blocks.

    mean, variance: of what leaves. factor, factor_shift: how the sums of the branch grow. For the fields that follow,
    see `Step`; of those in pairs, the first is a factor of 1 / channels, and the second one of the branch's number.
    """

    mean: float
    variance: float
    factor: float
    factor_shift: float
    grown: float
    shift: float
    kept: float
    here: tuple[float, float]
    apart: tuple[float, float]
    second: float
    constant: tuple[float, float]
    share: float


def link_of(family: Family, form: Form, entry: Entry) -> Link:
    """Return what the link of a family does for an entry. form: of the branch, for a variance of 1."""
    variance = entry.variance
    energy, passed = form.energy / variance, form.passed / variance
    square = energy**2  # the branch's tr C² is in units of this
    mean, total = entry.mean + form.out.mean, variance + form.out.variance
    a, b = (variance / total) ** 2, (form.out.variance / total) ** 2
    # The functions, from the sum to the output: factors of the energy, at distance 0 and at others, of tr C² and of the
    # overlap; and what is added to tr C², in units of 1 / channels.
    above = beyond = kept = overlap = 1.0
    added = 0.0
    for node in family.link or ():
        known = FUNCTIONS[type(node.op)](mean, total)
        slope = known.slope**2
        added = kept * (known.slope2**2 - slope**2) + known.slope2**2 * added
        above, beyond, kept, overlap = above * known.slope2, beyond * slope, kept * slope**2, overlap * known.kept**2
        mean, total = known.mean, known.variance
    through = 1 + square * form.growth[2]
    norm = (above * (1 + energy)) ** 2
    return Link(
        mean,
        total,
        *growth(above / total),
        *growth(above * (1 + energy) * variance / total),
        kept * through / norm,
        ((through * added + above**2 * 2 * energy) / norm, above**2 * square / norm),
        (beyond**2 * 2 * passed / norm, beyond**2 * square / norm),
        (beyond * (1 + passed)) ** 2 / norm,
        (1 - overlap * (a + b), overlap * b),
        overlap * (a + b * form.share),
    )


def linked(branch: Step, link: Link, behind: object) -> Step:
    """Return a block whose input is added to a branch. behind: the place behind it."""
    own = 1 / branch.gives
    (here, branch_here), (apart, branch_apart), (constant, branch_constant) = link.here, link.apart, link.constant
    return Step(
        branch.takes,
        branch.gives,
        behind,
        branch.roots * link.factor,
        (branch.amounts + branch.roots * link.factor_shift) * link.factor,
        branch.squares * energy_of(link.factor),
        branch.flops,
        link.factor,
        branch.layers,
        branch.shares,
        branch.offsets,
        branch.deeper,
        link.grown,
        link.shift,
        link.kept,
        here * own + branch_here * branch.here,
        apart * own + branch_apart * branch.apart,
        link.second,
        constant * own + branch_constant * branch.constant,
        link.share,
    )
