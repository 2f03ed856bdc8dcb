"""Structures of super-blocks as arrays of integers: for each field of a block, its position and the structure.

The structures come last, because numpy is fast where many numbers lie next to each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from PlainNet.blocktype import MAX_CHANNELS, block_type
from PlainNet.ir import BlockSpec, Structure, StructureError, super_block

Integers: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Array = TypeVar("Array", bound=NDArray[Any])

KIND, OUT, STRIDE, NECK, DEPTH = range(5)
"""The fields of a block in `Structures.cells`: kind, `out_channels`, `stride`, `bottleneck_channels`, `sub_layers`."""
FIELDS = 5
UNIT = 8
"""Output and bottleneck channels are multiples of this."""
_PLAIN = ("in_channels", "out_channels", "stride", "sub_layers")
_RESIDUAL = ("in_channels", "out_channels", "stride", "bottleneck_channels", "sub_layers")
_LARGEST = MAX_CHANNELS // UNIT


@dataclass(frozen=True)
class Layout:
    """Which structures have an array form: those of super-blocks of some kinds, with limits of their arguments.

    kinds: the kinds of blocks; the code of a kind is its position here plus 1.
    in_channels: the channels of the image.
    stride, depth: the largest stride and the largest number of sub-layers of a block.
    """

    kinds: tuple[str, ...]
    in_channels: int
    stride: int
    depth: int

    @classmethod
    def of(cls, structure: Structure, kinds: Sequence[str], depth: int) -> Layout | None:
        """Return the layout of `structure` and of what mutations make of it; None if there is none.

        kinds: the kinds that mutations choose from. depth: the largest number of sub-layers that they choose.
        """
        blocks = structure.blocks
        named = tuple(dict.fromkeys([*(spec.kind for spec in blocks), *kinds]))
        if not blocks or not all(map(has_form, named)):
            return None
        deepest = max([depth, *(spec.args[-1] for spec in blocks)])
        layout = cls(named, blocks[0].args[0], max(spec.args[2] for spec in blocks), deepest)
        return layout if layout.contains(structure) else None

    def contains(self, structure: Structure) -> bool:
        """Return whether the structure can be written as arrays of this layout."""
        try:
            self._cells(structure)
        except StructureError:
            return False
        return True

    @cached_property
    def residual(self) -> Flags:
        """(kinds + 1,) by code: whether a kind has a bottleneck."""
        return np.array([False, *(len(block_type(kind).params) == len(_RESIDUAL) for kind in self.kinds)])

    def code(self, kind: str) -> int:
        """Return the code of a kind. Raises ValueError if the layout does not have it."""
        return self.kinds.index(kind) + 1

    def spec(self, kind: int, in_channels: int, out: int, stride: int, neck: int, depth: int) -> BlockSpec:
        """Return the block with these fields."""
        args = (in_channels, out, stride, neck, depth) if self.residual[kind] else (in_channels, out, stride, depth)
        return super_block(self.kinds[kind - 1], args)

    def _cells(self, structure: Structure) -> list[tuple[int, ...]]:
        """The fields of the blocks of a structure. Raises StructureError if it does not fit the layout."""
        cells, channels = [], self.in_channels
        for i, spec in enumerate(structure.blocks):
            if spec.kind not in self.kinds or spec.branches or spec.name:
                raise StructureError(f"{spec} has no array form, expected one of {', '.join(self.kinds)}", str(i))
            block_type(spec.kind).check(spec)
            takes, out, stride, *neck, depth = spec.args
            widths = (out, *neck)
            if takes != channels or any(width % UNIT for width in widths):
                wanted = f"{channels} input channels, and multiples of {UNIT} elsewhere"
                raise StructureError(f"{spec} has no array form, expected {wanted}", str(i))
            if stride > self.stride or depth > self.depth:
                wanted = f"a stride up to {self.stride} and sub_layers up to {self.depth}"
                raise StructureError(f"{spec} has no array form here, expected {wanted}", str(i))
            cells.append((self.code(spec.kind), out, stride, *(neck or (0,)), depth))
            channels = out
        return cells


def has_form(kind: str) -> bool:
    """Return whether blocks of a kind have an array form: super-blocks whose type is `linear`."""
    found = block_type(kind)
    return found.linear and tuple(param.name for param in found.params) in (_PLAIN, _RESIDUAL)


@dataclass(frozen=True, eq=False)
class Structures:
    """Structures as integers.

    cells: (5, positions, structures), the fields of the blocks; behind the last block of a structure, all are 0. The
        input channels of a block are the output channels of the one before.
    """

    layout: Layout
    cells: Integers

    @classmethod
    def of(cls, structures: Iterable[Structure], layout: Layout) -> Structures:
        """Return the array form of structures. Raises StructureError if one does not fit the layout."""
        rows = [layout._cells(structure) for structure in structures]
        cells = np.zeros((FIELDS, max(map(len, rows), default=0), len(rows)), np.int64)
        for i, row in enumerate(rows):
            cells[:, : len(row), i] = np.array(row, np.int64).reshape(len(row), FIELDS).T
        return cls(layout, cells)

    def __len__(self) -> int:
        return int(self.cells.shape[2])

    def __getitem__(self, rows: Integers | Flags) -> Structures:
        """Return some of the structures, in the order of `rows`."""
        return Structures(self.layout, chosen(self.cells, rows))

    @property
    def lengths(self) -> Integers:
        """(structures,): the number of blocks of each structure."""
        found: Integers = (self.cells[KIND] != 0).sum(axis=0)
        return found

    @property
    def layers(self) -> Integers:
        """(structures,): the number of layers of each structure, Zen-NAS's depth."""
        total: Integers = self.cells[DEPTH].sum(axis=0)
        return total

    @property
    def in_channels(self) -> Integers:
        """(positions, structures): the input channels of each block."""
        out = self.cells[OUT]
        taken = np.empty_like(out)
        taken[1:] = out[:-1]
        taken[:1] = self.layout.in_channels
        found: Integers = taken
        return found

    def hashes(self) -> NDArray[np.uint64]:
        """(structures,): 64-bit numbers, which are equal for equal structures, and hardly ever for others."""
        kind, out, stride, neck, depth = self.cells.view(np.uint64)
        word = (((out << np.uint64(17) | neck) << np.uint64(9) | depth) << np.uint64(6) | stride) << np.uint64(8) | kind
        found = np.zeros(len(self), np.uint64)
        for block in word:  # positions behind the last block change nothing, so that their number does not matter
            mixed = (found ^ block) * _MIX
            mixed ^= mixed >> np.uint64(29)
            found = np.where(block != 0, mixed * _MIX, found)
        return found

    def all(self) -> list[Structure]:
        """Return all structures, in order."""
        layout, known, found = self.layout, dict[tuple[int, ...], BlockSpec](), []
        for row, length in zip(self.cells.transpose(2, 1, 0).tolist(), self.lengths.tolist(), strict=True):
            blocks, channels = [], layout.in_channels
            for fields in row[:length]:
                key = (channels, *fields)
                spec = known.get(key)
                if spec is None:
                    kind, out, stride, neck, depth = fields
                    spec = known[key] = layout.spec(kind, channels, out, stride, neck, depth)
                blocks.append(spec)
                channels = fields[OUT]
            found.append(Structure(tuple(blocks)))
        return found

    def trimmed(self) -> Structures:
        """Return the same structures without positions that none of them uses."""
        longest = int(self.lengths.max(initial=0))
        return Structures(self.layout, self.cells[:, :longest])


def together(parts: Sequence[Structures]) -> Structures:
    """Return the structures of all parts, which have one layout, in order."""
    longest = max(part.cells.shape[1] for part in parts)
    cells = np.zeros((FIELDS, longest, sum(map(len, parts))), np.int64)
    begin = 0
    for part in parts:
        cells[:, : part.cells.shape[1], begin : begin + len(part)] = part.cells
        begin += len(part)
    return Structures(parts[0].layout, cells)


def chosen(values: Array, rows: Integers | Flags) -> Array:
    """Return the values of some structures, of an array whose last dimension they are."""
    if rows.dtype == np.bool_:
        rows = np.flatnonzero(rows)
    return cast(Array, values.take(rows, axis=-1))


_MIX = np.uint64(0x9E3779B97F4A7C15)
