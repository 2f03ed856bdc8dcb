"""Mutations of many structures of super-blocks at once; the array form of `SuperBlockSpace.mutate`.

Both consume random numbers in the same order: a row of uniform numbers makes of a structure here what a generator that
returns them makes of it there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from PlainNet.arrays.structures import DEPTH, KIND, NECK, OUT, STRIDE, Integers, Layout, Structures, chosen
from PlainNet.arrays.structures import Floats as Uniforms
from PlainNet.edit import SPLIT_THRESHOLD

DRAWS = 5
"""The most random numbers that a change consumes: the block, its output, its bottleneck, its depth, its kind."""
_HEAD = SPLIT_THRESHOLD // 2


class SuperBlockMutations:
    """Mutates structures of a layout.

    kinds: the kinds of residual super-blocks to choose from. most: the largest number of channels. fixed: a kind of
    block that is never changed, or None. scales, steps, base: see `superblocks.py`.
    """

    def __init__(
        self,
        layout: Layout,
        kinds: Sequence[str],
        most: int,
        fixed: str | None,
        scales: Sequence[float],
        steps: Sequence[int],
        base: int,
    ) -> None:
        self.layout, self.draws = layout, DRAWS
        self._kinds = np.array([layout.code(kind) for kind in kinds])
        self._fixed = -1 if fixed is None or fixed not in layout.kinds else layout.code(fixed)
        self._most, self._scales, self._base = most, np.array(scales), base
        self._steps = np.array(steps)
        self._widths, self._counts = self._options(np.arange(257))

    def __call__(self, structures: Structures, uniforms: Uniforms, changes: int, most: int | None = None) -> Structures:
        """Return structures with up to `changes` blocks replaced, see `SuperBlockSpace.mutate`.

        uniforms: (structures, changes · DRAWS), numbers from 0 to 1. most: structures with more layers are not split.
        """
        cells = structures.cells.copy()
        count = len(structures)
        flat = cells.reshape(len(cells), -1)
        each, lengths = np.arange(count), structures.lengths
        drawn, firsts = uniforms.ravel(), each * uniforms.shape[1]
        used: list[Integers] = []
        for _ in range(changes):
            # How many numbers a change consumes depends on its block, so later changes begin at different places.
            place = (drawn[firsts] * lengths).astype(np.int64) * count + each
            again = np.zeros(count, np.bool_)
            for earlier in used:
                again |= earlier == place
            used.append(place)
            kind = flat[KIND, place]
            residual = self.layout.residual[kind]
            rest = residual & ~again
            alone = ~residual & ~again & (kind != self._fixed)
            self._replace(flat, place, drawn, firsts + 1, rest, alone)
            firsts = firsts + 1 + (DRAWS - 1) * rest + alone
        if (flat[DEPTH] >= SPLIT_THRESHOLD).any():
            cells = self._split(cells, most)
        return Structures(structures.layout, cells)

    def _replace(
        self,
        flat: Integers,
        place: Integers,
        drawn: Uniforms,
        at: Integers,
        residual: np.ndarray,
        alone: np.ndarray,
    ) -> None:
        """Replace the blocks at `place`, in `residual` super-blocks and in `alone` standing convolutions."""
        where, first = place[residual], at[residual]
        flat[OUT, where] = self._width(flat[OUT, where], drawn[first])
        flat[NECK, where] = self._width(flat[NECK, where], drawn[first + 1])
        depth = flat[DEPTH, where]
        least = np.maximum(1, depth + self._steps[0])
        options = depth + self._steps[-1] + 1 - least
        flat[DEPTH, where] = least + (drawn[first + 2] * options).astype(np.int64)
        flat[KIND, where] = self._kinds[(drawn[first + 3] * len(self._kinds)).astype(np.int64)]
        where, first = place[alone], at[alone]
        flat[OUT, where] = self._width(flat[OUT, where], drawn[first])
        flat[DEPTH, where] = 1

    def _width(self, channels: Integers, drawn: Uniforms) -> Integers:
        """One of `channel_options` of each number of channels."""
        units = channels // self._base
        if units.size and units.max() >= len(self._counts):
            self._widths, self._counts = self._options(np.arange(2 * int(units.max()) + 1))
        found: Integers = self._widths[units, (drawn * self._counts[units]).astype(np.int64)]
        return found

    def _options(self, units: Integers) -> tuple[Integers, Integers]:
        """The `channel_options` of numbers of channels in units of `base`, and how many there are."""
        scaled = np.clip(units[:, None] * self._base * self._scales, self._base, self._most)
        widths = np.sort(np.rint(scaled / self._base).astype(np.int64) * self._base, axis=1)
        repeated = np.zeros(widths.shape, np.bool_)
        repeated[:, 1:] = widths[:, 1:] == widths[:, :-1]
        first = np.argsort(repeated, axis=1, kind="stable")
        return np.take_along_axis(widths, first, axis=1), (~repeated).sum(axis=1)

    def _split(self, cells: Integers, most: int | None) -> Integers:
        """Split deep residual super-blocks of structures with at most so many layers, see `PlainNet.edit.split`."""
        deep = (cells[DEPTH] >= SPLIT_THRESHOLD) & self.layout.residual[cells[KIND]]
        holds = deep.any(axis=0)
        if most is not None:
            holds &= cells[DEPTH].sum(axis=0) <= most
        rows = np.flatnonzero(holds)
        while len(rows):
            if cells[KIND, -1, rows].any():
                cells = np.pad(cells, ((0, 0), (0, 1), (0, 0)))
            deep = (cells[DEPTH][:, rows] >= SPLIT_THRESHOLD) & self.layout.residual[cells[KIND][:, rows]]
            split, each = deep.argmax(axis=0), np.arange(len(rows))
            positions = np.arange(cells.shape[1])[:, None]
            source = (positions - (positions > split)) * len(rows) + each
            parts = chosen(cells, rows).reshape(len(cells), -1).take(source, axis=1)
            parts[DEPTH, split, each] = _HEAD
            parts[DEPTH, split + 1, each] -= _HEAD
            parts[STRIDE, split + 1, each] = 1
            cells[:, :, rows] = parts
            rows = rows[(deep.sum(axis=0) > 1) | (parts[DEPTH, split + 1, each] >= SPLIT_THRESHOLD)]
        return cells
