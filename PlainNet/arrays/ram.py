"""The RAM of many structures at once; the array form of `PlainNet.ram.RamModel`."""

from __future__ import annotations

import numpy as np

from PlainNet.arrays.blocks import Blocks, BlockValues, Placed
from PlainNet.arrays.formulas import Terms, channels, place
from PlainNet.arrays.structures import Floats, Integers
from PlainNet.blocktype import Options
from PlainNet.deployed.buffers import ALIGNMENT, aligned
from PlainNet.ram import block_bytes, live_form, pooling_bytes
from PlainNet.template import Width

_TOGETHER = 12
"""The most buffers that a block of a template has in use at once."""


class RamArrays:
    """Computes the RAM of structures in bytes. num_classes: the outputs of the classifier, or None to leave it out.

    Blocks without a template count with the plan of each by itself.
    """

    def __init__(self, blocks: Blocks, num_classes: int | None, options: Options = Options()) -> None:
        self._blocks, self._num_classes, self._options = blocks, num_classes, options
        self._values = BlockValues(blocks, 1, self._compute)
        self._buffers = Terms((0.0, 0.0))  # which of (1, in, out, bottleneck), and the bytes for each; the first is 0
        self._terms = Terms((0.0,) * _TOGETHER)  # indices into the buffers
        self._formed = np.zeros(0, np.bool_)

    def __call__(self, placed: Placed) -> Floats:
        """Return the bytes of structures all of whose blocks work: (structures,)."""
        most: Floats = self._values.of(placed.numbers)[0].max(axis=0)
        if self._num_classes is not None:
            features, positions = self._blocks.out[placed.last], self._blocks.positions(placed.last)
            pooled = _aligned(features)
            last = np.where(positions > 0, _aligned(features * positions) + pooled, 0)
            last += np.where(positions > 1, _aligned(features * 4) + pooling_bytes(), 0)
            most = np.maximum(most, np.maximum(last, pooled + aligned(self._num_classes)))
        return most

    def _compute(self, numbers: Integers) -> Floats:
        blocks = self._blocks
        self._complete()
        families = blocks.family[numbers]
        sizes = _aligned(channels(blocks.widths(numbers), *self._buffers.of(families)))
        terms = self._terms.of(families).astype(np.int64)  # (buffers, terms, blocks)
        found: Floats = np.take_along_axis(sizes[None], terms, axis=1).sum(axis=0).max(axis=0)
        alone = np.flatnonzero(~self._formed[families])
        for i, (spec, size) in zip(alone.tolist(), blocks.specs(numbers[alone]), strict=True):
            found[i] = block_bytes(spec, size, self._options)
        return found[None]

    def _complete(self) -> None:
        """Make the terms of new families."""
        for number in range(len(self._formed), len(self._blocks.families)):
            family = self._blocks.families[number]
            formed = family is None or family.template is not None
            self._formed = np.append(self._formed, formed)
            if family is None or family.template is None:
                continue
            form = live_form(family.template, family.size, self._options)
            constant = len(family.example.args)
            rows = [(0, 0.0)]
            for factor, arg, divisor in form.buffers:
                column, share = place(Width(-1 if arg == constant else arg, 1, divisor))
                rows.append((column, factor * share))
            self._buffers.put(number, rows)
            padded = [[i + 1 for i in term] + [0] * (_TOGETHER - len(term)) for term in form.terms]
            self._terms.put(number, padded)


def _aligned(count: Floats | Integers) -> Floats:
    found: Floats = np.ceil(count / ALIGNMENT) * ALIGNMENT
    return found
