"""How the axes of a tensor are made of batch, channels, height and width, while a module reshapes and permutes it.

An axis is a tuple of atoms, the digits of its index from the most to the least significant. The atom ("c", 4, 8) is a
digit of the channel: 8 values, each worth 4 channels. So the channels of an image are the axis (("c", 1, C),), and
after `view(N, g, C // g, H, W)` the axes (("c", C // g, g),) and (("c", 1, C // g),). Axes of length 1 have no atoms.
This file does not import torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal, NamedTuple, TypeAlias

from PlainNet.ops import FLAT, Shape
from PlainNet.sizes import sides


class Atom(NamedTuple):
    """A digit of an index of the batch (n), the channels (c), the height (h) or the width (w)."""

    of: Literal["n", "c", "h", "w"]
    stride: int
    size: int


Axis: TypeAlias = tuple[Atom, ...]
Axes: TypeAlias = tuple[Axis, ...]


def whole(of: Literal["n", "c", "h", "w"], size: int) -> Axis:
    """Return the axis that is the whole index."""
    return (Atom(of, 1, size),) if size > 1 else ()


def plain(shape: Shape, batch: int) -> Axes:
    """Return the axes of a tensor (N, C, H, W), or (N, C) for a flat value."""
    axes = (whole("n", batch), whole("c", shape.channels))
    if shape.size == FLAT:
        return axes
    height, width = sides(shape.size)
    return (*axes, whole("h", height), whole("w", width))


def lengths(axes: Axes) -> tuple[int, ...]:
    """Return the length of each axis."""
    return tuple(prod(atom.size for atom in axis) for axis in axes)


def atoms(axes: Axes) -> Axis:
    """Return all atoms, in order, merged where they are adjacent digits of one index."""
    return merged([atom for axis in axes for atom in axis])


def merged(found: Sequence[Atom]) -> Axis:
    """Return the atoms with adjacent digits of one index merged."""
    made: list[Atom] = []
    for atom in found:
        last = made[-1] if made else None
        if last is not None and last.of == atom.of and last.stride == atom.stride * atom.size:
            made[-1] = Atom(atom.of, atom.stride, last.size * atom.size)
        else:
            made.append(atom)
    return tuple(made)


def reshaped(axes: Axes, dims: Sequence[int]) -> Axes | None:
    """Return the axes after a reshape to `dims`; None if an axis would get a part of a digit."""
    left = list(atoms(axes))
    if prod(dims) != prod(atom.size for atom in left):
        return None
    found: list[Axis] = []
    for dim in dims:
        taken: list[Atom] = []
        while dim > 1:
            atom = left.pop(0)
            if dim % atom.size == 0:
                taken.append(atom)
                dim //= atom.size
            elif atom.size % dim == 0:
                rest = atom.size // dim
                taken.append(Atom(atom.of, atom.stride * rest, dim))
                left.insert(0, Atom(atom.of, atom.stride, rest))
                dim = 1
            else:
                return None
        found.append(merged(taken))
    return tuple(found)
