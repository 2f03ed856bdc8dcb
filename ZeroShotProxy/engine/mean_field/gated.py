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

from PlainNet import ops
from ZeroShotProxy.engine.mean_field.blocks import Family, numbers
from ZeroShotProxy.engine.mean_field.forward import FUNCTIONS
from ZeroShotProxy.engine.mean_field.sums import of_numbers
from ZeroShotProxy.engine.mean_field.uniform import Entry, Square, Value, Walk, square_apart, walk

_CORRELATIONS = 256
"""Steps in which the correlation of two positions that enters a block is rounded."""


class Behind(NamedTuple):
    """The gradient at a place of a network, relative to its energy at distance 0.

    apart, second: the sums of its energy, and of its square, over distances Δ ≠ 0. here, others: tr C² at distance 0, and
    the sum over all others, both in units of the squared energy.
    """

    apart: float
    second: float
    here: float
    others: float


@dataclass(frozen=True, slots=True, eq=False)
class GatedForm:
    """What a family, or its branch, does to statistics. See `uniform.Walk`.

    layers: for each convolution, the widths of its fan-in and of its output as indices, its gradient and its sums  for widths of 1, and its overlap. combs: the sum of the energies of all combs, as (a, b) for a + b z.
    """

    family: Family
    layers: tuple[tuple[int, int, tuple[float, float], int, int, tuple[float, ...]], ...]
    out: Value
    channels: int
    size: int
    energy: tuple[float, float]
    apart: tuple[float, float]
    combs: tuple[float, float]
    passed: float
    second: Square
    kept: tuple[float, float]
    here: tuple[Square, ...]
    others: tuple[Square, ...]


def rounded(entry: Entry) -> Entry:
    """Return an entry with a rounded correlation of positions, so that blocks are found again."""
    correlation = round(_CORRELATIONS * entry.shared / entry.variance) / _CORRELATIONS
    return entry._replace(shared=correlation * entry.variance)


def gated_form(family: Family, entry: Entry) -> GatedForm:
    """Return what a family, or its branch, does to statistics that enter it; for a variance of 1 if it is its own."""
    if family.own:
        entry = Entry(entry.size, 0.0, 1.0, entry.shared / entry.variance)
    return _gated_form(family, entry)


@lru_cache(maxsize=1 << 13)
def _gated_form(family: Family, entry: Entry) -> GatedForm:
    graph = family.graph
    found: Walk = walk(graph, entry, family.place, len(family.widths))
    layers = []
    for number, gradient in found.layers:
        node = graph.nodes[number - 1]
        conv, size = node.op, node.shape.size
        if size > 1 and isinstance(conv, ops.Conv):
            places = family.index[conv.in_channels // conv.groups], family.index[conv.out_channels]
            overlap = found.values[number].overlap
            layers.append((*places, gradient, conv.kernel**2 * size**2, size**2, overlap))
    shape, first = graph.shape_of(graph.output), found.first
    return GatedForm(
        family,
        tuple(layers),
        found.values[graph.output],
        family.index[shape.channels],
        shape.size,
        first.here,
        first.apart,
        (sum(a for _, a, _ in first.combs), sum(b for _, _, b in first.combs)),
        first.passed,
        square_apart(first),
        found.kept,
        tuple(found.here),
        tuple(found.apart),
    )


class GatedBlock(NamedTuple):
    """A block, or its branch, at any place with the form's correlation of positions.

    layers: for each layer in turn, the squared norm of its gradient, a + b z, the logarithm of FLOPs times positions, and its
    overlap for an overlap o that enters, c + d o. overlap: of the output, in the same way. here, others: what is added to
    tr C². own: 1 / gives.
    """

    form: GatedForm
    takes: int
    gives: int
    own: float
    layers: array[float]
    overlap: tuple[float, float]
    here: Square
    others: Square


def gated_block(form: GatedForm, args: tuple[int, ...], takes: int) -> GatedBlock:
    """Return the block of a family that has these arguments."""
    widths = numbers(form.family.widths, args)
    inverses = [1 / width for width in widths]
    layers = array("d")
    for fan_in, out, (constant, slope), work, positions, overlap in form.layers:
        channels = widths[fan_in]
        share = sum(part * inverse for part, inverse in zip(overlap, inverses))  # noqa: B905 - the last one is apart
        amount = math.log(work * positions * channels * widths[out])
        layers.extend((channels * constant, channels * slope, amount, share, overlap[-1]))
    overlap = form.out.overlap
    return GatedBlock(
        form,
        takes,
        widths[form.channels],
        inverses[form.channels],
        layers,
        (sum(part * inverse for part, inverse in zip(overlap, inverses)), overlap[-1]),  # noqa: B905
        _weighed(form.here, inverses),
        _weighed(form.others, inverses),
    )


def _weighed(squares: tuple[Square, ...], inverses: list[float]) -> Square:
    constant = linear = square = second = 0.0
    for one, inverse in zip(squares, inverses, strict=True):
        constant += one.constant * inverse
        linear += one.linear * inverse
        square += one.square * inverse
        second += one.second * inverse
    return Square(constant, linear, square, second)


class GatedLink(NamedTuple):
    """The functions of one variable behind the sum of a branch and the input, from the output to the sum.

    above, beyond: factors of the gradient's energy at distance 0 and at others. kept, here, others: of tr C², its factor,
    and what is added in units of 1 / channels: of the squared energy at distance 0, and of its sum at others.
    """

    above: float
    beyond: float
    kept: float
    here: float
    others: float


class GatedStep(NamedTuple):
    """A block at a place of a network.

    leaving: the statistics of its output. variance: that the block's energies have to be divided by. link: if the input is added to the
    block, which is a branch. constant, share: the overlap of the output is constant + share · o.
    """

    block: GatedBlock
    leaving: Entry
    variance: float
    link: GatedLink | None
    constant: float
    share: float


def gated_step(block: GatedBlock, entry: Entry) -> GatedStep:
    """Return a block at a place that it is entered at with these statistics."""
    form, variance = block.form, entry.variance if block.form.family.own else 1.0
    out, link = form.out, form.family.link
    constant, share = block.overlap
    if link is None:
        leaves = rounded(Entry(form.size, out.mean, out.variance, out.shared))
        return GatedStep(block, leaves, variance, None, constant, share)
    mean, total, shared = entry.mean + out.mean, variance + out.variance, entry.shared + out.shared
    a, b, own = (variance / total) ** 2, (out.variance / total) ** 2, block.own
    constant, share = (1 - a - b) * own + b * constant, a + b * share
    above = beyond = kept = 1.0
    here = others = 0.0
    for node in link:
        known = FUNCTIONS[type(node.op)](mean, total)
        apart, slope = known.slopes_at(shared / total) if shared else known.slope**2, known.slope**4
        here = kept * (known.slope2**2 - slope) + known.slope2**2 * here
        others = kept * (apart**2 - slope) + apart**2 * others
        above, beyond, kept = above * known.slope2, beyond * apart, kept * slope
        shared = known.covariance_at(shared / total) if shared else 0.0
        mean, total = known.mean, known.variance
        constant, share = own + known.kept**2 * (constant - own), known.kept**2 * share
    leaves = rounded(Entry(form.size, mean, total, shared))
    return GatedStep(block, leaves, variance, GatedLink(above, beyond, kept, here, others), constant, share)


def before(step: GatedStep, behind: Behind, overlap: float) -> tuple[float, float, float, float, Behind]:
    """Carry a gradient through a block. overlap: what enters the block.

    Return the sums of its layers, for an energy of 1 at the branch (see `sums.py`), the energy there and at the input,
    for 1 at the output, and the gradient at the input.
    """
    block, _, variance, link, _, _ = step
    form, own = block.form, block.own
    z, z2, here, others = behind
    above = 1.0
    if link is not None:
        above, beyond, kept, added, added_others = link
        norm = above * above
        here, others = (kept * here + added * own) / norm, (kept * others + added_others * own * z2) / norm
        z, z2 = z * beyond / above, z2 * beyond * beyond / norm
    roots, amounts = of_numbers(block.layers, z, overlap)
    square = variance * variance
    energy = (form.energy[0] + form.energy[1] * z) / variance
    apart = (form.apart[0] + form.apart[1] * z) / variance
    second = form.second.of(z, z2) / square
    kept, single = form.kept[0] / square, form.kept[1] / square
    added, added_others = block.here.of(z, z2) / square, block.others.of(z, z2) / square
    if link is None:
        norm = energy * energy
        found = Behind(
            apart / energy,
            second / norm,
            (kept * here + added) / norm,
            (kept * others + single * here + added_others) / norm,
        )
        return roots, amounts, above, energy, found
    cross = (form.passed * z2 + (form.combs[0] + form.combs[1] * z) * z) / variance
    total = 1 + energy
    norm = total * total
    found = Behind(
        (z + apart) / total,
        (z2 + 2 * cross + second) / norm,
        ((1 + kept) * here + added + 2 * own * energy) / norm,
        ((1 + kept) * others + single * here + added_others + 2 * own * cross) / norm,
    )
    return roots, amounts, above, above * total, found
