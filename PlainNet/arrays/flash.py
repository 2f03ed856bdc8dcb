"""The bytes of the files of many structures at once; the array form of `PlainNet.flash.FlashModel`."""

from __future__ import annotations

import numpy as np

from PlainNet.arrays.blocks import Blocks, BlockValues, Placed
from PlainNet.arrays.formulas import Terms, channels, place
from PlainNet.arrays.structures import Floats, Integers
from PlainNet.blocktype import Options
from PlainNet.deployed.flash import FILE, OPERATOR, WEIGHTED, ZERO_POINT
from PlainNet.flash import block_held, flash_form

_WIDTHS = 12
"""The most different numbers of output channels in a block."""


class FlashArrays:
    """Computes the bytes of files. num_classes: the outputs of the classifier, or None to leave it out."""

    def __init__(self, blocks: Blocks, num_classes: int | None, options: Options = Options()) -> None:
        self._blocks, self._num_classes, self._options = blocks, num_classes, options
        self._values = BlockValues(blocks, 1 + _WIDTHS, self._compute)
        self._forms = np.zeros((0, 4, 4))  # by family: bytes per product of two of (1, in, out, bottleneck)
        self._widths = Terms((0.0, 0.0))  # which of (1, in, out, bottleneck), and what it is multiplied by
        self._formed = np.zeros(0, np.bool_)

    def __call__(self, placed: Placed) -> Floats:
        """Return the bytes of the files of structures all of whose blocks work: (structures,)."""
        values = self._values.of(placed.numbers)
        total = FILE + values[0].sum(axis=0)
        widths = np.sort(np.concatenate(values[1:]).astype(np.uint32), axis=0)
        first = np.diff(widths, axis=0, prepend=np.zeros_like(widths[:1])) != 0  # 0 stands for no width
        total += ZERO_POINT * np.where(first, widths, 0).sum(axis=0)
        if self._num_classes is not None:
            features, positions = self._blocks.out[placed.last], self._blocks.positions(placed.last)
            total += (features + 4) * self._num_classes + WEIGHTED + OPERATOR * np.where(positions > 0, 2, 1)
        found: Floats = total
        return found

    def _compute(self, numbers: Integers) -> Floats:
        blocks = self._blocks
        self._complete()
        families, known = blocks.family[numbers], blocks.widths(numbers)
        found = np.zeros((1 + _WIDTHS, len(numbers)))
        found[0] = np.einsum("nij,in,jn->n", self._forms[families], known, known)
        widths = channels(known, *self._widths.of(families))
        found[1 : 1 + len(widths)] = widths
        alone = np.flatnonzero(~self._formed[families])
        for i, (spec, size) in zip(alone.tolist(), blocks.specs(numbers[alone]), strict=True):
            total, outputs = block_held(spec, size, self._options)
            found[:, i] = [total, *outputs, *(0 for _ in range(_WIDTHS - len(outputs)))]
        return found

    def _complete(self) -> None:
        """Make the forms of new families."""
        new = self._blocks.families[len(self._forms) :]
        if not new:
            return
        forms = np.zeros((len(new), 4, 4))
        for number, (made, family) in enumerate(zip(forms, new, strict=True), start=len(self._forms)):
            if family is None or family.template is None:
                continue
            form = flash_form(family.template, family.size, self._options)
            places = [place(width) for width in form.widths]
            made[0, 0] = form.fixed
            for each, i in form.singles:
                column, factor = places[i]
                made[0, column] += each * factor
            for each, i, j in form.pairs:
                (one, factor), (other, share) = places[i], places[j]
                made[one, other] += each * factor * share
            self._widths.put(number, [places[i] for i in form.outputs])
        self._forms = np.concatenate([self._forms, forms])
        known = [family is None or family.template is not None for family in new]
        self._formed = np.append(self._formed, known).astype(np.bool_)
