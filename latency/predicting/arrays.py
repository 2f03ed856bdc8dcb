"""The latency of many structures at once; the array form of `Predictor`. No torch.

It performs the same operations in the same order, so that latencies are equal to the last bit. Blocks without formulas
are predicted one by one.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from latency.predicting.kernel_arrays import KernelTimes
from latency.predicting.predictor import Predictor
from latency.predicting.profile import ProfileError
from PlainNet.arrays.blocks import Blocks, BlockValues, Placed
from PlainNet.arrays.formulas import Terms, channels, place
from PlainNet.arrays.numbering import KeyedValues
from PlainNet.arrays.structures import Floats, Integers

_HEADS = 1 << 16
"""Classifiers that are remembered."""
_SIZE = 32
"""Where the features begin in a classifier's key; below is the code of the size of the images that it takes."""


class PredictorArrays:
    """Predicts structures whose blocks are numbered."""

    def __init__(self, predictor: Predictor, blocks: Blocks) -> None:
        self._predictor, self._blocks = predictor, blocks
        self._times = KernelTimes(predictor.profile)
        self._values, self._heads = BlockValues(blocks, 1, self._compute), KeyedValues(_HEADS)
        # By family of blocks: the formula of `predictor.Form`.
        self._known = np.zeros(0, np.int8)  # 1 with a formula, -1 without, 0 if not looked at yet
        self._constants = np.zeros(0)
        # Rates are (ms, place, factor) of a width; tables are (number of kernels, code of their family, place and
        # factor of the width that they take, place and factor of that which they make).
        self._rates = Terms((0, 0, 1))
        self._tables = Terms((0, 0, 0, 1, 0, 1))

    def __call__(self, placed: Placed) -> Floats:
        """Return milliseconds per image (structures,); NaN for networks that the profile cannot predict."""
        (milliseconds,) = self._values.of(placed.numbers)
        total = np.zeros(len(placed.structures))
        for block in milliseconds:
            total += block
        profile, batch = self._predictor.profile, self._predictor.batch_size
        if self._predictor.num_classes is not None:
            total += self._of_heads(placed.last)
        found: Floats = (profile.scale * total + profile.overhead_ms) / batch
        return np.where((found > 0) & (found < np.inf), found, np.nan)

    def _compute(self, numbers: Integers) -> Floats:
        """(1, blocks): the milliseconds of blocks."""
        blocks = self._blocks
        families = blocks.family[numbers]
        self._complete(np.flatnonzero(np.bincount(families)))
        widths = blocks.widths(numbers)
        total = self._constants[families]
        rates, *where = self._rates.of(families)
        for term in rates * channels(widths, *where):
            total = total + term
        count, family, place_in, factor_in, place_out, factor_out = self._tables.of(families)
        ins, outs = channels(widths, place_in, factor_in), channels(widths, place_out, factor_out)
        times = self._times.of(family.astype(np.int64), ins.astype(np.int64), outs.astype(np.int64))
        for number, ms in zip(count, times, strict=True):
            total = total + number * ms
        alone = np.flatnonzero(self._known[families] < 0)
        for i, (spec, size) in zip(alone.tolist(), blocks.specs(numbers[alone]), strict=True):
            total[i] = np.nan
            with suppress(ProfileError):
                total[i] = self._predictor.block_ms(spec, size)
        return total[None]

    def _of_heads(self, last: Integers) -> Floats:
        """(structures,): the milliseconds of a classifier behind each of these blocks."""
        features, sizes = self._blocks.out[last], self._blocks.leaves(last)

        def compute(places: Integers) -> Floats:
            found = np.full(len(places), np.nan)
            pairs = zip(features[places].tolist(), sizes[places].tolist(), strict=True)
            for i, (taken, code) in enumerate(pairs):
                with suppress(ProfileError):
                    found[i] = self._predictor.head_ms(taken, self._blocks.size(code))
            return found

        return self._heads.of(features << _SIZE | sizes, compute)

    def _complete(self, families: Integers) -> None:
        """Make the formulas of those families that have not been looked at yet."""
        missing = len(self._blocks.families) - len(self._known)
        if missing:
            self._known = np.pad(self._known, (0, missing))
            self._constants = np.pad(self._constants, (0, missing))
        for number in families[self._known[families] == 0].tolist():
            family = self._blocks.families[number]
            assert family is not None
            self._known[number] = -1
            if family.template is None:
                continue
            try:
                form = self._predictor.form(family.template, family.size)
                widths = [place(width) for width in form.widths]
                tables = [(n, self._times.code(kind), *widths[i], *widths[j]) for n, kind, _, i, j in form.tables]
            except ProfileError:
                continue
            self._known[number], self._constants[number] = 1, form.constant
            self._rates.put(number, [(ms, *widths[i]) for i, ms in form.rates])
            self._tables.put(number, tables)
