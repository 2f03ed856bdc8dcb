"""The blocks of many structures as numbers, so that what is known of a block is computed once and looked up.

A block is numbered together with the size of its input. `BlockValues` keeps numbers that belong to blocks: their cost,
their latency, their terms of a score. Blocks that differ only in their widths are a `Family`, for which there may be
formulas (see `template.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from PlainNet.arrays.numbering import Numbering
from PlainNet.arrays.structures import (
    DEPTH,
    KIND,
    NECK,
    OUT,
    STRIDE,
    UNIT,
    Flags,
    Floats,
    Integers,
    Layout,
    Structures,
    chosen,
)
from PlainNet.cost import block_cost
from PlainNet.ir import BlockSpec, Structure, StructureError
from PlainNet.sizes import Size, area
from PlainNet.template import Template, template_of

CAPACITY = 250_000
"""Numbers of blocks that are remembered; with all their values, some 50 MB."""
_FIRST = 1 << 12
"""Room for so many blocks at first."""
_PROBES = (11 * UNIT, 13 * UNIT, 17 * UNIT)
_KEY_OUT, _KEY_IN, _KEY_FAMILY = 14, 28, 45
"""Where the parts of a block's key begin: first the bottleneck, then the output, both in units of 8 channels, the input
and the family."""


@dataclass(frozen=True)
class Family:
    """Blocks that differ only in their channel numbers, on inputs of one size.

    example: a member. template: the source of formulas for all members, or None if each is computed by itself.
    """

    example: BlockSpec
    size: Size
    template: Template | None


class Placed(NamedTuple):
    """Structures whose blocks are numbered.

    numbers: (positions, structures), the number of each block; 0 behind the last one.
    works: (structures,), whether all blocks of a structure work at the size of their input.
    """

    structures: Structures
    numbers: Integers
    works: Flags

    def where(self, rows: Flags | Integers) -> Placed:
        """Return some of the structures."""
        if rows.dtype == np.bool_:
            rows = np.flatnonzero(rows)
        return Placed(self.structures[rows], chosen(self.numbers, rows), self.works[rows])

    @property
    def last(self) -> Integers:
        """(structures,): the number of the last block of each structure."""
        found: Integers = self.numbers[self.structures.lengths - 1, np.arange(len(self.structures))]
        return found


class Blocks:
    """Numbers the blocks of structures of one layout at one resolution.

    Numbers are valid until the next call of `place`, which may forget all of them if there are too many; `epoch` counts
    how often that happened.

    families: by number of the family; number 0 is no block.
    family, takes, out, neck: by number of the block, its family and its channels.
    """

    def __init__(self, layout: Layout, resolution: Size) -> None:
        self.layout, self.resolution = layout, resolution
        self.families: list[Family | None] = [None]
        self._sizes: list[Size] = [0, resolution]  # by code; code 0 is behind a block that does not work
        self._codes = (len(layout.kinds) + 1, layout.stride + 1, layout.depth + 1, 2, 2)
        self._table = np.full((2, int(np.prod(self._codes))), -1, np.int64)  # family by size and code; -1 if not known
        self._table[:, :4] = 0
        self._leaves = np.zeros(1, np.int64)  # by family, the code of the size that it outputs
        self._broken = np.zeros(1, np.bool_)
        self.epoch = 0
        self._forget()

    def _forget(self) -> None:
        self.epoch += 1
        self._numbering = Numbering()
        self._numbering.of(np.ones(1, np.int64))  # no block is number 0
        self._fields = np.zeros((4, _FIRST), np.int64)
        self._written: dict[int, BlockSpec] = {}

    @property
    def count(self) -> int:
        """How many blocks are numbered, with the one that is none."""
        return self._numbering.count

    @property
    def family(self) -> Integers:
        return self._fields[0, : self.count]

    @property
    def takes(self) -> Integers:
        return self._fields[1, : self.count]

    @property
    def out(self) -> Integers:
        return self._fields[2, : self.count]

    @property
    def neck(self) -> Integers:
        return self._fields[3, : self.count]

    def place(self, structures: Structures) -> Placed:
        """Return the structures with the numbers of their blocks."""
        if self.count > CAPACITY:
            self._forget()
        cells = structures.cells
        takes = structures.in_channels
        families = self._families(cells, takes)
        keys = families << _KEY_FAMILY | takes << _KEY_IN | cells[OUT] // UNIT << _KEY_OUT | cells[NECK] // UNIT
        keys[cells[KIND] == 0] = 1
        known = self.count
        numbers = self._numbering.of(keys.ravel()).reshape(keys.shape)
        if self.count > known:
            at = self._numbering.first(numbers, known)
            if self.count > self._fields.shape[1]:
                more = np.zeros((4, max(self.count, self._fields.shape[1])), np.int64)
                self._fields = np.concatenate([self._fields, more], axis=1)
            for kept, values in zip(self._fields, (families, takes, cells[OUT], cells[NECK]), strict=True):
                kept[known : self.count] = values.flat[at]
        return Placed(structures, numbers, np.logical_not(self._broken[families].any(axis=0)))

    def widths(self, numbers: Integers) -> Floats:
        """Return (4, blocks): 1, and the input, output and bottleneck channels of blocks."""
        one = np.ones(len(numbers))
        found: Floats = np.stack([one, self.takes[numbers], self.out[numbers], self.neck[numbers]])
        return found

    def leaves(self, numbers: Integers) -> Integers:
        """Return the code of the size of the output of blocks, see `size`."""
        found: Integers = self._leaves[self.family[numbers]]
        return found

    def size(self, code: int) -> Size:
        """Return the size with a code."""
        return self._sizes[code]

    def positions(self, numbers: Integers) -> Integers:
        """Return height times width of the output of blocks."""
        areas: Integers = np.array([area(size) for size in self._sizes])[self.leaves(numbers)]
        return areas

    def specs(self, numbers: Integers) -> list[tuple[BlockSpec, Size]]:
        """Return blocks, and the sizes of their inputs, for what has no formula."""
        found = []
        for i in numbers.tolist():
            family = self.families[self.family[i]]
            assert family is not None
            example = family.example.args
            neck = (int(self.neck[i]),) if len(example) == 5 else ()
            args = (int(self.takes[i]), int(self.out[i]), example[2], *neck, example[-1])
            found.append((BlockSpec(family.example.kind, args), family.size))
        return found

    def written(self, placed: Placed) -> list[Structure]:
        """Return what `Structures.all` does; equal blocks are the same object."""
        known = self._written
        lengths = placed.structures.lengths.tolist()
        rows = [row[:length] for row, length in zip(placed.numbers.T.tolist(), lengths, strict=True)]
        new = list({number for row in rows for number in row if number not in known})
        for number, (spec, _) in zip(new, self.specs(np.array(new, np.int64)), strict=True):
            known[number] = spec
        return [Structure(tuple([known[number] for number in row])) for row in rows]

    def _families(self, cells: Integers, takes: Integers) -> Integers:
        """(positions, structures): the number of each block's family."""
        residual = self.layout.residual[cells[KIND]]
        equal = cells[OUT] == np.where(residual, cells[NECK], takes)
        _, strides, depths, *_ = self._codes
        codes = ((cells[KIND] * strides + cells[STRIDE]) * depths + cells[DEPTH]) * 4 + 2 * equal
        found = np.empty_like(codes)
        size = np.ones(codes.shape[1], np.int64)
        codes[:1] += 1  # the first block takes the image
        for code, family in zip(codes, found, strict=True):
            family[:] = self._table[size, code]
            if family.size and family.min() < 0:
                new = family < 0
                for pair in sorted(set(zip(size[new].tolist(), code[new].tolist(), strict=True))):
                    self._add(*pair)
                family[:] = self._table[size, code]
            size = self._leaves[family]
        families: Integers = found
        return families

    def _add(self, size: int, code: int) -> None:
        """Make the family with this code on inputs with this code of their size."""
        kind, stride, depth, equal, first = (int(one) for one in np.unravel_index(code, self._codes))
        takes, out, neck = _PROBES
        takes = self.layout.in_channels if first else takes
        if equal and self.layout.residual[kind]:
            neck = out
        elif equal:
            out = takes
        example = self.layout.spec(kind, takes, out, stride, neck, depth)
        try:
            leaves: Size = block_cost(example, self._sizes[size]).shape.size if size else 0
            works = bool(size)
        except StructureError:
            leaves, works = 0, False
        self._table[size, code] = len(self.families)
        self.families.append(Family(example, self._sizes[size], template_of(example)))
        if leaves not in self._sizes:
            self._sizes.append(leaves)
            self._table = np.vstack([self._table, np.full_like(self._table[:1], -1)])
            self._table[-1, :4] = 0
        self._leaves = np.append(self._leaves, self._sizes.index(leaves))
        self._broken = np.append(self._broken, not works)


class BlockValues:
    """Numbers that belong to blocks, each computed when it is first needed.

    compute: takes numbers of blocks (blocks,) and returns their values (values, blocks).
    """

    def __init__(self, blocks: Blocks, kinds: int, compute: Callable[[Integers], Floats]) -> None:
        self._blocks, self._kinds, self._compute = blocks, kinds, compute
        self._epoch = 0

    def of(self, numbers: Integers) -> Floats:
        """Return the values of blocks: an array like `numbers` for each value. No block has zeros."""
        if self._epoch != self._blocks.epoch:
            self._epoch = self._blocks.epoch
            self._values = np.zeros((self._kinds, 0))
            self._known = np.zeros(0, np.bool_)
        if len(self._known) < self._blocks.count:
            more = max(self._blocks.count, 2 * len(self._known)) - len(self._known)
            self._values = np.pad(self._values, ((0, 0), (0, more)))
            self._known = np.pad(self._known, (0, more))
            self._known[0] = True
        known = self._known[numbers]
        if not known.all():
            wanted = np.zeros(self._blocks.count, np.bool_)
            wanted[numbers[~known]] = True
            new = np.flatnonzero(wanted)
            self._values[:, new] = self._compute(new)
            self._known[new] = True
        return self._values.take(numbers, axis=1)
