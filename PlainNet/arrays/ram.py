"""The RAM of many structures at once; the array form of `PlainNet.ram.RamModel`."""

from __future__ import annotations

import numpy as np

from PlainNet.arrays.blocks import Blocks, BlockValues, Placed
from PlainNet.arrays.formulas import Terms, place
from PlainNet.arrays.structures import Floats, Integers
from PlainNet.blocktype import Options
from PlainNet.ram import BYTES, block_elements, block_terms


class RamArrays:
    """Computes the RAM of structures in bytes. num_classes: the outputs of the classifier, or None to leave it out."""

    def __init__(self, blocks: Blocks, num_classes: int | None, options: Options = Options()) -> None:
        self._blocks, self._num_classes, self._options = blocks, num_classes, options
        self._values = BlockValues(blocks, 1, self._compute)
        self._terms = Terms((0.0, 0.0, 0.0, 0.0))  # elements for each of (1, in, out, bottleneck)
        self._formed = np.zeros(0, np.bool_)

    def __call__(self, placed: Placed) -> Floats:
        """Return the bytes of structures all of whose blocks work: (structures,)."""
        most: Floats = self._values.of(placed.numbers)[0].max(axis=0)
        if self._num_classes is not None:
            channels, positions = self._blocks.out[placed.last], self._blocks.positions(placed.last)
            most = np.maximum(most, channels * np.maximum(positions, 1) + channels)
            most = np.maximum(most, channels + self._num_classes)
        return BYTES * most

    def _compute(self, numbers: Integers) -> Floats:
        blocks = self._blocks
        self._complete()
        families = blocks.family[numbers]
        found: Floats = np.einsum("wtn,wn->tn", self._terms.of(families), blocks.widths(numbers)).max(axis=0)
        alone = np.flatnonzero(~self._formed[families])
        for i, (spec, size) in zip(alone.tolist(), blocks.specs(numbers[alone]), strict=True):
            found[i] = block_elements(spec, size, self._options, first=spec.args[0] == blocks.layout.in_channels)
        return found[None]

    def _complete(self) -> None:
        """Make the terms of new families."""
        for number in range(len(self._formed), len(self._blocks.families)):
            family = self._blocks.families[number]
            formed = family is None or family.template is not None
            self._formed = np.append(self._formed, formed)
            if family is None or family.template is None:
                continue
            rows = []
            for term in block_terms(family.template, family.size, self._options):
                row = [0.0, 0.0, 0.0, 0.0]
                for elements, width in term:
                    column, factor = place(width)
                    row[column] += elements * factor
                rows.append(row)
            self._terms.put(number, rows)
