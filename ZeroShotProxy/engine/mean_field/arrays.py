"""The score `mean_field` of many structures at once; the array form of `scorer.py`.

What a block is does not depend on where it stands, if it begins with convolutions and batch-norms: it is a column of
numbers. What its family does to the statistics at a place is another one, and a structure's sums are carried from block
to block as in `scorer.py`. Structures with other blocks, or with gates, are scored one by one.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np

from PlainNet import Options
from PlainNet.arrays.blocks import Blocks, BlockValues, Placed
from PlainNet.arrays.formulas import channels_of
from PlainNet.arrays.structures import Flags, Floats, Integers
from PlainNet.sizes import Size, area
from ZeroShotProxy.engine.mean_field import STEPS, sums
from ZeroShotProxy.engine.mean_field.blocks import Family, Form, family_of, form_of, link_of, step_of
from ZeroShotProxy.engine.mean_field.forward import WEIGHT_VARIANCE
from ZeroShotProxy.engine.mean_field.scorer import MeanField
from ZeroShotProxy.engine.mean_field.uniform import IMAGE_MEAN, IMAGE_VARIANCE, Entry

_OPTIONS = Options()
_MOST_LAYERS = 4_000_000
"""With more layers of blocks than this, about 100 MB, all are forgotten."""


class _Own(NamedTuple):
    """What a block is, wherever it stands; see `blocks.Step`. (…, structures) each, 0 for no block.

    deeper: see `blocks.Form`. width: 1 / output channels. start, layers: of its layers among all, the first one and how
    many.
    """

    roots: Floats
    amounts: Floats
    squares: Floats
    flops: Floats
    here: Floats
    apart: Floats
    constant: Floats
    deeper: Floats
    width: Floats
    start: Floats
    layers: Floats


class _Link(NamedTuple):
    """What a family does at a place; see `blocks.Link`. Where there is no link, the branch is the block.

    behind: the number of the place behind it.
    """

    factor: Floats
    factor_shift: Floats
    grown: Floats
    shift: Floats
    kept: Floats
    here: Floats
    branch_here: Floats
    apart: Floats
    branch_apart: Floats
    second: Floats
    constant: Floats
    branch_constant: Floats
    share: Floats
    behind: Floats


class MeanFieldArrays:
    """Scores structures whose blocks are numbered. num_classes, options, steps: see `MeanField`."""

    def __init__(self, blocks: Blocks, num_classes: int, options: Options = _OPTIONS, steps: int = STEPS) -> None:
        self._blocks = blocks
        self._scalar = MeanField(blocks.resolution, num_classes, options, steps)
        self._gated = options != _OPTIONS
        self._logits = 1 / max(1, num_classes - 1)
        self._forget()

    def _forget(self) -> None:
        self._families = _Families(self._blocks, self._scalar.training.detail)
        self._layers = _Layers()
        self._values = BlockValues(self._blocks, len(_Own._fields), self._compute)

    def __call__(self, placed: Placed) -> Floats:
        """Return the scores (structures,) of structures all of whose blocks work; NaN where no gradient arrives."""
        found = np.full(len(placed.structures), np.nan)
        alone = np.ones(len(found), np.bool_)
        if not self._gated:
            if self._layers.count > _MOST_LAYERS:
                self._forget()
            together = np.flatnonzero(~self._families.irregular(placed.numbers).any(axis=0))
            alone[together] = False
            if len(together):
                found[together] = self._scores(placed.where(together))
        rows = np.flatnonzero(alone)
        for row, structure in zip(rows.tolist(), placed.structures[rows].all() if len(rows) else (), strict=True):
            one = self._scalar(structure)
            found[row] = np.nan if one is None else one
        return found

    def _scores(self, placed: Placed) -> Floats:
        count, blocks, families = len(placed.structures), self._blocks, self._families
        roots, amounts, squares, flops, here, apart = np.zeros((6, count))
        kept, overlap = np.ones(count), np.full(count, 1 / blocks.layout.in_channels)
        place, depth = np.zeros(count, np.int64), np.zeros(count)
        for number, values in zip(placed.numbers, self._values.of(placed.numbers).transpose(1, 0, 2), strict=True):
            own, link = _Own(*values), families.at(blocks.family[number], place)
            mixed = self._layers.mixed(own, overlap, depth)
            amount = (own.amounts + own.roots * link.factor_shift) * link.factor
            squares = squares * sums.energy_of(link.grown) + own.squares * sums.energy_of(link.factor)
            amounts = (amounts + roots * link.shift) * link.grown + amount - link.factor * mixed
            roots = roots * link.grown + own.roots * link.factor
            flops += own.flops
            here += kept * (link.here * own.width + link.branch_here * own.here)
            apart = apart * link.second + kept * (link.apart * own.width + link.branch_apart * own.apart)
            kept *= link.kept
            overlap = link.constant * own.width + link.branch_constant * own.constant + link.share * overlap
            depth += own.deeper
            place = link.behind.astype(np.int64)
        positions, variances = families.leaving(place)
        others = np.maximum(1, positions) - 1
        square = kept * (others + 1) * (self._logits + 1 / blocks.out[placed.last]) + here + others * apart
        squares *= WEIGHT_VARIANCE * variances / (others + 1) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):  # NaN without a convolution that learns
            log_directions = self._scalar.log_positions - np.log(square)
            return sums.scores(roots, amounts, squares, flops, log_directions, self._scalar.training.bearable)

    def _compute(self, numbers: Integers) -> Floats:
        found = np.zeros((len(_Own._fields), len(numbers)))
        families = self._blocks.family[numbers]
        order = np.argsort(families, kind="stable")
        bounds = np.flatnonzero(np.diff(families[order], prepend=-1, append=-1))
        for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            rows = order[start:stop]
            number = int(families[rows[0]])
            if not self._families.irregular_family(number):
                found[:, rows] = self._of_family(number, numbers[rows])
        return found

    def _of_family(self, number: int, numbers: Integers) -> Floats:
        """(values of `_Own`, blocks): of blocks of a family."""
        blocks, made = self._blocks, self._families.made(number)
        width = 1 / blocks.out[numbers]
        if made.template:
            widths = channels_of(made.form.widths, blocks.widths(numbers))
            roots, amounts, squares, flops, factors = sums.of_many_widths(made.form.groups, widths)
            table = made.form.table.dot(np.concatenate([1 / widths, factors]))
            starts = self._layers.add(table[:-3:2].T, table[1:-3:2].T, made.form.shares, made.form.offsets)
            constant, here, apart = table[-3:]
            deeper = np.full(len(width), float(made.form.deeper))
            return np.stack([roots, amounts, squares, flops, here, apart, constant, deeper, width, *starts])
        columns = []
        for spec, size in blocks.specs(numbers):
            family = family_of(spec, None, size, _OPTIONS)
            assert family is not None  # as for the example of the family
            step = step_of(self._families.form(family, size), spec.args, spec.args[0], None)
            layers = np.array(step.layers[:-3])
            starts = self._layers.add(layers[None, ::2], layers[None, 1::2], step.shares, step.offsets)
            own = (step.roots, step.amounts, step.squares, step.flops, step.here, step.apart, step.constant)
            columns.append([*own, step.deeper, *(float(one[0]) for one in starts)])
        *values, start, taken = np.array(columns).T
        return np.stack([*values, width, start, taken])


class _Made(NamedTuple):
    """The form of a family of blocks. template: whether it serves for all members."""

    family: Family
    form: Form
    template: bool


class _Families:
    """What families do at places. Place 0 is the image, and family 0 is no block, which changes nothing.

    detail: see `sums.Training`.
    """

    def __init__(self, blocks: Blocks, detail: float) -> None:
        self._blocks = blocks
        self._detail = detail
        self._made: list[_Made | None] = [None]
        self._irregular = np.zeros(1, np.bool_)
        self._places: dict[Entry, int] = {}
        self._entries: list[Entry] = []
        self._links = np.zeros((len(_Link._fields), 0, 0))  # (values, places, families)
        self._known = np.zeros((0, 0), np.bool_)
        self._place(Entry(blocks.resolution, IMAGE_MEAN, IMAGE_VARIANCE, 0.0))

    def irregular(self, numbers: Integers) -> Flags:
        """Return for blocks whether what they are depends on where they stand."""
        for family in self._blocks.families[len(self._made) :]:
            assert family is not None  # only the first one is
            own = family_of(family.example, family.template, family.size, _OPTIONS)
            regular = own is not None and own.own and not own.gated
            made = None
            if own is not None and regular:
                made = _Made(own, self.form(own, family.size), family.template is not None)
            self._made.append(made)
            self._irregular = np.append(self._irregular, made is None)
        found: Flags = self._irregular[self._blocks.family[numbers]]
        return found

    def form(self, family: Family, size: Size) -> Form:
        """Return what a family does that is the same wherever it stands."""
        return form_of(family, Entry(size, IMAGE_MEAN, IMAGE_VARIANCE, 0.0), self._detail)

    def irregular_family(self, number: int) -> bool:
        return bool(self._irregular[number])

    def made(self, number: int) -> _Made:
        """Return the form of a family that is not irregular."""
        found = self._made[number]
        assert found is not None
        return found

    def at(self, families: Integers, places: Integers) -> _Link:
        """Return what families do at places, (structures,) each."""
        if len(self._made) > self._known.shape[1] or len(self._entries) > self._known.shape[0]:
            self._hold()
        known = self._known[places, families]
        if not known.all():
            new = np.unique(np.stack([places[~known], families[~known]]), axis=1)
            for place, family in new.T.tolist():
                self._add(place, family)
            if len(self._entries) > self._known.shape[0]:
                self._hold()
        return _Link(*self._links[:, places, families])

    def leaving(self, places: Integers) -> tuple[Integers, Floats]:
        """Return the numbers of positions of maps, and the variances, at places."""
        areas = np.array([area(entry.size) for entry in self._entries])
        variances = np.array([entry.variance for entry in self._entries])
        return areas[places], variances[places]

    def _hold(self) -> None:
        """Make room for all families and places, and for as many again."""
        places, families = 2 * len(self._entries), 2 * len(self._made)
        old = self._known.shape
        more = ((0, max(0, places - old[0])), (0, max(0, families - old[1])))
        self._links, self._known = np.pad(self._links, ((0, 0), *more)), np.pad(self._known, more)

    def _place(self, entry: Entry) -> int:
        if entry not in self._places:
            self._places[entry] = len(self._entries)
            self._entries.append(entry)
        return self._places[entry]

    def _add(self, place: int, number: int) -> None:
        self._known[place, number] = True
        self._links[:, place, number] = self._link(place, number)

    def _link(self, place: int, number: int) -> tuple[float, ...]:
        if not number:
            return (1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, place)
        family, form, _ = self.made(number)
        if family.link is None:
            grown, shift, kept, second = form.growth
            behind = self._place(Entry(form.size, form.out.mean, form.out.variance, 0.0))
            return (1.0, 0.0, grown, shift, kept, 0.0, 1.0, 0.0, 1.0, second, 0.0, 1.0, form.share, behind)
        link = link_of(family, form, self._entries[place])
        behind = self._place(Entry(form.size, link.mean, link.variance, 0.0))
        changes = link.factor, link.factor_shift, link.grown, link.shift, link.kept
        return (*changes, *link.here, *link.apart, link.second, *link.constant, link.share, behind)


class _Layers:
    """The layers of all blocks, one after the other: r / 2, the overlap as a + b · the one that enters, and the depth
    as n + the one that enters.
    """

    def __init__(self) -> None:
        self.count = 0
        self._kept = np.zeros((4, 1024))

    def add(
        self, roots: Floats, constants: Floats, shares: tuple[float, ...], offsets: tuple[int, ...]
    ) -> tuple[Floats, Floats]:
        """Keep the layers of blocks, (blocks, layers); return where those of each block begin, and how many it has."""
        blocks, layers = roots.shape
        same = (np.tile(np.array(one, np.float64), blocks) for one in (shares, offsets))
        new = np.stack([roots.ravel(), constants.ravel(), *same])
        start, self.count = self.count, self.count + blocks * layers
        if self.count > self._kept.shape[1]:
            self._kept = np.pad(self._kept, ((0, 0), (0, 2 * self.count - self._kept.shape[1])))
        self._kept[:, start : self.count] = new
        return start + layers * np.arange(blocks, dtype=np.float64), np.full(blocks, float(layers))

    def mixed(self, own: _Own, overlap: Floats, depth: Floats) -> Floats:
        """Return Σ r/2 log (o⁴ / depth) over the layers of one block of each structure, for what enters them."""
        count = own.layers.astype(np.int64)
        rows = np.repeat(np.arange(len(count)), count)
        firsts = np.cumsum(count) - count
        at = np.arange(len(rows)) + (own.start.astype(np.int64) - firsts)[rows]
        roots, constants, shares, offsets = self._kept.take(at, axis=1)
        square = (constants + shares * overlap[rows]) ** 2
        return cast(Floats, np.bincount(rows, roots * np.log(square * square / (offsets + depth[rows])), len(count)))
