"""The mean field block by block for networks with gates, such as squeeze-and-excitation (see `blocks.py`).

A gate reads all positions, so the energy of the gradient at other distances matters for every layer. It comes from the
output, and the gradient there is only known at the end: so networks are walked back, block by block. Blocks are
polynomials in z, the sum of the gradient's energy at all distances Δ ≠ 0, relative to that at distance 0.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from PlainNet import ops
from PlainNet.sizes import Size, area
from ZeroShotProxy.engine.mean_field.blocks import Family, numbers
from ZeroShotProxy.engine.mean_field.forward import FUNCTIONS
from ZeroShotProxy.engine.mean_field.sums import of_numbers
from ZeroShotProxy.engine.mean_field.trunk import trunk_of
from ZeroShotProxy.engine.mean_field.uniform import Entry, Gradient, Square, Value, square_apart, walk

_STEPS = 32
"""Steps in which the root of the correlation of two positions is rounded, so that blocks are found again."""


class Behind(NamedTuple):
    """The gradient at a place of a network, relative to its energy at distance 0.

    apart, second: the sums of its energy, and of its square, over distances Δ ≠ 0. here, others: tr C² at distance 0,
    and the sum over all others, both in units of the squared energy.
    """

    apart: float
    second: float
    here: float
    others: float


class _Layer(NamedTuple):
    """A convolution. fan_in, out: its widths as indices. positions: of its output. taps: of its kernel. depth: from the
    input of the block.

    gradient: the squared norm for widths of 1, (a, b) for a + b z. share: how its overlap depends on what enters.
    """

    fan_in: int
    out: int
    positions: int
    taps: int
    gradient: tuple[float, float]
    share: float
    depth: int


@dataclass(frozen=True, slots=True, eq=False)
class GatedForm:
    """What a family, or its branch, does to statistics. See `uniform.Walk`.

    table: what is linear in inverse widths, (layers + 8, widths): the overlaps of layers, that of the output, and what
    is added to tr C² at distance 0 (constant, linear and square) and at others (the same, and the factor of
    `Behind.second`). deeper: see `blocks.Form`.
    out, channels, size: of the output: its statistics, its width as an index, and its size.
    first, combs, second: the gradient at the input, the sum of the energies of its combs, and of its squared energy.
    kept: see `uniform.Walk`.
    """

    family: Family
    layers: tuple[_Layer, ...]
    deeper: int
    table: NDArray[np.float64]
    out: Value
    channels: int
    size: Size
    first: Gradient
    combs: tuple[float, float]
    second: Square
    kept: tuple[float, float]


def rounded(entry: Entry) -> Entry:
    """Return an entry with a rounded correlation of positions, so that blocks are found again."""
    root = round(_STEPS * math.sqrt(entry.shared / entry.variance)) / _STEPS
    return entry._replace(shared=root * root * entry.variance)


def gated_form(family: Family, entry: Entry) -> GatedForm:
    """Return what a family, or its branch, does to statistics that enter it; for a variance of 1 if it is its own."""
    if family.own:
        entry = Entry(entry.size, 0.0, 1.0, entry.shared / entry.variance)
    return _form(family, entry)


@lru_cache(maxsize=1 << 13)
def _form(family: Family, entry: Entry) -> GatedForm:
    graph = family.graph
    found = walk(graph, entry, family.place, len(family.widths))
    layers, rows = [], []
    trunk = trunk_of(graph)
    for number, gradient in found.layers:
        node = graph.nodes[number - 1]
        conv, positions = node.op, max(1, area(node.shape.size))
        if not trunk.pooled[number] and isinstance(conv, ops.Conv):
            *parts, share = found.values[number].overlap
            fan_in, out = family.index[conv.in_channels // conv.groups], family.index[conv.out_channels]
            layers.append(_Layer(fan_in, out, positions, conv.kernel**2, gradient, share, trunk.depths[number]))
            rows.append(parts)
    rows.append(list(found.values[graph.output].overlap[:-1]))
    rows += [list(row) for row in zip(*(square[:3] for square in found.here), strict=True)]
    rows += [list(row) for row in zip(*found.apart, strict=True)]
    shape, first = graph.shape_of(graph.output), found.first
    return GatedForm(
        family,
        tuple(layers),
        trunk.depths[graph.output],
        np.array(rows),
        found.values[graph.output],
        family.index[shape.channels],
        shape.size,
        first,
        (sum(a for _, a, _ in first.combs), sum(b for _, _, b in first.combs)),
        square_apart(first),
        found.kept,
    )


class GatedBlock(NamedTuple):
    """A block, or its branch, at any place with the form's correlation of positions.

    layers: see `sums.of_numbers`. flops: of all. added: the last eight numbers of `GatedForm.table`.
    """

    form: GatedForm
    takes: int
    gives: int
    layers: array[float]
    flops: int
    added: list[float]


def gated_block(form: GatedForm, args: tuple[int, ...], takes: int, detail: float) -> GatedBlock:
    """Return the block of a family that has these arguments. detail: see `sums.Training`."""
    widths = numbers(form.family.widths, args)
    found = form.table.dot(np.array([1 / width for width in widths])).tolist()
    layers: list[float] = []
    flops = 0
    for layer, overlap in zip(form.layers, found):  # noqa: B905 - eight others follow
        fan_in, out, positions, taps, (a, b), share, depth = layer
        channels = widths[fan_in]
        square = channels / widths[out]
        given = widths[out]
        computed = taps * positions * channels * given
        amount = detail * math.log(positions) + math.log(computed) / 2
        layers += (square * a, square * b, given, amount, overlap, share, depth)
        flops += computed
    return GatedBlock(form, takes, widths[form.channels], array("d", layers), flops, found[-8:])


class GatedStep(NamedTuple):
    """A block at a place of a network, as polynomials in z = `Behind.apart`, for a gradient of energy 1 behind it.

    leaving: the statistics of its output. constant, share: the overlap of the output is constant + share · o. deeper:
    see `blocks.Form`.
    layers, flops: see `GatedBlock`; z there is `ratio` times that behind the block, and log_above the logarithm of the
    energy. The others are the coefficients of 1, z, z² and `Behind.second` in the gradient at the input, see `Behind`.
    kept, single: those of `here` and `others` in themselves, and of `here` in `others`.
    """

    takes: int
    gives: int
    leaving: Entry
    constant: float
    share: float
    deeper: int
    layers: array[float]
    flops: int
    ratio: float
    log_above: float
    energy: tuple[float, float]
    apart: tuple[float, float]
    second: tuple[float, float, float, float]
    kept: float
    single: float
    here: tuple[float, float, float]
    others: tuple[float, float, float, float]


def gated_step(block: GatedBlock, entry: Entry) -> GatedStep:
    """Return a block at a place that it is entered at with these statistics."""
    form = block.form
    family, own, variance = form.family, 1 / block.gives, entry.variance if form.family.own else 1.0
    constant, *added = block.added
    mean, total, shared, share = form.out.mean, form.out.variance, form.out.shared, form.out.overlap[-1]
    # The functions behind the sum: factors of the energy at distance 0 and at others, and of tr C²; and what is added
    # to it, in units of 1 / channels.
    above = beyond = through = 1.0
    added_here = added_others = linked = 0.0
    if family.link is not None:
        linked = 1.0
        a, b = (variance / (variance + total)) ** 2, (total / (variance + total)) ** 2
        constant, share = (1 - a - b) * own + b * constant, a + b * share
        mean, total, shared = mean + entry.mean, total + variance, shared + entry.shared
        for node in family.link:
            known = FUNCTIONS[type(node.op)](mean, total)
            slopes, slope = known.slopes_at(shared / total) if shared else known.slope**2, known.slope**4
            added_here = through * (known.slope2**2 - slope) + known.slope2**2 * added_here
            added_others = through * (slopes**2 - slope) + slopes**2 * added_others
            above, beyond, through = above * known.slope2, beyond * slopes, through * slope
            shared = known.covariance_at(shared / total) if shared else 0.0
            mean, total = known.mean, known.variance
            constant, share = own + known.kept**2 * (constant - own), known.kept**2 * share
    # The branch is in units of the energy behind it, and of the variance before it. Where the input is added, its
    # energy is, too; `cross` are products of both.
    ratio, square, norm, both = beyond / above, above**2, variance**2, 2 * linked / variance
    (e0, e1), (a0, a1), (c0, c1) = form.first.here, form.first.apart, form.combs
    s0, s1, s2, s3 = form.second
    kept, single = linked + form.kept[0] / norm, form.kept[1] / norm
    h0, h1, h2, o0, o1, o2, o3 = (part * square / norm for part in added)
    e0, e1, a0, a1 = e0 / variance, ratio * e1 / variance, a0 / variance, ratio * a1 / variance
    cross = both * square * ratio * c0, both * square * ratio**2 * c1, both * square * ratio**2 * form.first.passed
    return GatedStep(
        block.takes,
        block.gives,
        rounded(Entry(form.size, mean, total, shared)),
        constant,
        share,
        form.deeper,
        block.layers,
        block.flops,
        ratio,
        math.log(above),
        (above * (linked + e0), above * e1),
        (above * a0, above * (linked * ratio + a1)),
        (
            square * s0 / norm,
            square * ratio * s1 / norm + cross[0],
            square * ratio**2 * s2 / norm + cross[1],
            square * ratio**2 * (linked + s3 / norm) + cross[2],
        ),
        kept * through,
        single * through,
        (
            kept * added_here * own + h0 + 2 * linked * own * square * e0,
            ratio * h1 + 2 * linked * own * square * e1,
            ratio**2 * h2,
        ),
        (
            single * added_here * own + o0,
            ratio * o1 + own * cross[0],
            ratio**2 * o2 + own * cross[1],
            kept * added_others * own + ratio**2 * o3 + own * cross[2],
        ),
    )


def before(step: GatedStep, behind: Behind, overlap: float, depth: int) -> tuple[float, float, float, float, Behind]:
    """Carry a gradient through a block. overlap, depth: what enters the block.

    Return the sums of its layers (see `sums.py`) for an energy of `log_above`, the energy at the input for 1 at the
    output, and the gradient at the input.
    """
    z, z2, here, others = behind
    roots, amounts, squares = of_numbers(step.layers, step.ratio * z, overlap, depth)
    e0, e1 = step.energy
    a0, a1 = step.apart
    s0, s1, s2, s3 = step.second
    h0, h1, h2 = step.here
    o0, o1, o2, o3 = step.others
    energy = e0 + e1 * z
    norm = energy * energy
    found = Behind(
        (a0 + a1 * z) / energy,
        (s0 + (s1 + s2 * z) * z + s3 * z2) / norm,
        (step.kept * here + h0 + (h1 + h2 * z) * z) / norm,
        (step.kept * others + step.single * here + o0 + (o1 + o2 * z) * z + o3 * z2) / norm,
    )
    return roots, amounts, squares, energy, found
