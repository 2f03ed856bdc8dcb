"""The latency of many structures at once; the array form of `Predictor`. No torch.

It performs the same operations in the same order, so that latencies are equal to the last bit. Blocks without formulas
are predicted one by one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from latency.predicting.kernel_arrays import KernelTimes
from latency.predicting.predictor import Predictor
from latency.predicting.profile import ProfileError
from PlainNet.arrays.blocks import Blocks, BlockValues, Placed
from PlainNet.arrays.structures import Floats, Integers
from PlainNet.template import Width

_PLACES = {-1: 0, 0: 1, 1: 2, 3: 3}
"""For the position of an argument of a super-block, its place in (1, in, out, bottleneck)."""


class _Rate(NamedTuple):
    """A time per channel. width: a place and a factor."""

    ms: float
    place: int
    factor: float


class _Table(NamedTuple):
    """`count` kernels of a family, from one width to another."""

    count: int
    family: int
    place_in: int
    factor_in: float
    place_out: int
    factor_out: float


class PredictorArrays:
    """Predicts structures whose blocks are numbered."""

    def __init__(self, predictor: Predictor, blocks: Blocks) -> None:
        self._predictor, self._blocks = predictor, blocks
        self._times = KernelTimes(predictor.profile)
        self._values = BlockValues(blocks, 2, self._compute)
        # By family of blocks: the formula of `predictor.Form`, filled up with terms that are 0.
        self._known = np.zeros(0, np.int8)  # 1 with a formula, -1 without, 0 if not looked at yet
        self._constants = np.zeros(0)
        self._rates = np.zeros((0, 0, len(_Rate._fields)))
        self._tables = np.zeros((0, 0, len(_Table._fields)))

    def __call__(self, placed: Placed) -> Floats:
        """Return milliseconds per image (structures,); NaN for networks that the profile cannot predict."""
        milliseconds, heads = self._values.of(placed.numbers)
        total = np.zeros(len(placed.structures))
        for block in milliseconds:
            total += block
        profile, batch = self._predictor.profile, self._predictor.batch_size
        if self._predictor.num_classes is not None:
            total += heads[placed.structures.lengths - 1, np.arange(len(placed.structures))]
        found: Floats = (profile.scale * total + profile.overhead_ms) / batch
        return np.where((found > 0) & (found < np.inf), found, np.nan)

    def _compute(self, numbers: Integers) -> Floats:
        """(2, blocks): the milliseconds of blocks, and of a classifier behind each."""
        blocks = self._blocks
        families = blocks.family[numbers]
        self._complete(np.unique(families))
        widths = np.stack([np.ones(len(numbers)), blocks.takes[numbers], blocks.out[numbers], blocks.neck[numbers]])
        each = np.arange(len(numbers))
        total = self._constants[families]
        for ms, place, factor in self._rates[families].transpose(1, 2, 0):
            total = total + ms * (factor * widths[place.astype(np.int64), each])
        tables = self._tables[families].transpose(2, 1, 0)
        count, family, place_in, factor_in, place_out, factor_out = tables
        ins = factor_in * widths[place_in.astype(np.int64), each]
        outs = factor_out * widths[place_out.astype(np.int64), each]
        times = self._times.of(family.astype(np.int64), ins.astype(np.int64), outs.astype(np.int64))
        for number, ms in zip(count, times, strict=True):
            total = total + number * ms
        alone = np.flatnonzero(self._known[families] < 0)
        for i, (spec, size) in zip(alone.tolist(), blocks.specs(numbers[alone]), strict=True):
            try:
                total[i] = self._predictor.block_ms(spec, size)
            except ProfileError:
                total[i] = np.nan
        return np.stack([total, self._heads(blocks.out[numbers], blocks.leaves(numbers))])

    def _heads(self, channels: Integers, sizes: Integers) -> Floats:
        if self._predictor.num_classes is None:
            return np.zeros(len(channels))
        found = []
        for pair in zip(channels.tolist(), sizes.tolist(), strict=True):
            try:
                found.append(self._predictor.head_ms(*pair))
            except ProfileError:  # noqa: PERF203 (a profile without linear layers)
                found.append(np.nan)
        return np.array(found)

    def _complete(self, families: Integers) -> None:
        """Make the formulas of those families that have not been looked at yet."""
        missing = len(self._blocks.families) - len(self._known)
        self._known = np.pad(self._known, (0, missing))
        self._constants = np.pad(self._constants, (0, missing))
        self._rates = np.pad(self._rates, ((0, missing), (0, 0), (0, 0)))
        self._tables = np.pad(self._tables, ((0, missing), (0, 0), (0, 0)))
        for number in families[self._known[families] == 0].tolist():
            family = self._blocks.families[number]
            assert family is not None
            self._known[number] = -1
            if family.template is None:
                continue
            try:
                form = self._predictor.form(family.template, family.size)
                widths = [_place(width) for width in form.widths]
                tables = [_Table(n, self._times.code(kind), *widths[i], *widths[j]) for n, kind, _, i, j in form.tables]
            except ProfileError:
                continue
            self._known[number], self._constants[number] = 1, form.constant
            self._rates = _put(self._rates, number, [_Rate(ms, *widths[i]) for i, ms in form.rates])
            self._tables = _put(self._tables, number, tables)


def _place(width: Width) -> tuple[int, float]:
    """The place of a width in (1, in, out, bottleneck), and what it is multiplied by."""
    arg, numerator, denominator = width
    return _PLACES[arg], numerator / denominator


def _put(kept: Floats, number: int, terms: list[_Rate] | list[_Table]) -> Floats:
    """Return the terms (families, terms, fields) with those of one family put in, and with more room if necessary."""
    kept = np.pad(kept, ((0, 0), (0, max(0, len(terms) - kept.shape[1])), (0, 0)))
    for i, term in enumerate(terms):
        kept[number, i] = term
    return kept
