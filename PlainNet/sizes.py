"""Heights and widths of images and feature maps, in pixels or positions.

A `Size` is one number for a square, and `Sides(height, width)` for any other rectangle. Every size has exactly one
form, so sizes can be compared and used as keys. Public functions also take pairs and texts such as "96x160", which
`read_size` turns into sizes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias


class Sides(NamedTuple):
    """Height and width of a rectangle that is no square. `size_of` returns a number for squares."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.height}×{self.width}"


Size: TypeAlias = int | Sides
"""The side of a square, or the `Sides` of a rectangle that is none."""
SizeLike: TypeAlias = int | tuple[int, int] | str
"""What public functions take for a size: a number, (height, width), or a text such as "224" or "96x160"."""

_TEXT = re.compile(r"\s*(\d{1,9})(?:\s*[xX×]\s*(\d{1,9}))?\s*", re.ASCII)


def size_of(height: int, width: int) -> Size:
    """Return the size with this height and width."""
    return height if height == width else Sides(height, width)


def sides(size: Size) -> tuple[int, int]:
    """Return (height, width)."""
    return size if isinstance(size, Sides) else (size, size)


def area(size: Size) -> int:
    """Return height times width; 0 for the size of a flat value."""
    return size.height * size.width if isinstance(size, Sides) else size * size


def each_side(rule: Callable[[int], int], size: Size) -> Size:
    """Return the size whose height and width are `rule` of those of `size`."""
    return size_of(rule(size.height), rule(size.width)) if isinstance(size, Sides) else rule(size)


def transposed(size: Size) -> Size:
    """Return the size with height and width exchanged."""
    return Sides(size.width, size.height) if isinstance(size, Sides) else size


def size_text(size: Size) -> str:
    """Return the size as "224×224" or "96×160"."""
    height, width = sides(size)
    return f"{height}×{width}"


def read_size(given: object) -> Size | None:
    """Return the size that a number, a pair (height, width) or a text says, or None if it is nothing of this kind.

    No limits are checked.
    """
    if isinstance(given, str):
        found = _TEXT.fullmatch(given)
        return None if found is None else size_of(int(found[1]), int(found[2] or found[1]))
    numbers = given if isinstance(given, (tuple, list)) else (given, given)
    if len(numbers) != 2 or not all(isinstance(one, int) and not isinstance(one, bool) for one in numbers):
        return None
    return size_of(*numbers)


def checked_size(given: object, error: type[Exception], name: str) -> Size:
    """Return the size that `given` says. Raises `error`, naming the value, if it says none or one without pixels."""
    size = read_size(given)
    if size is None:
        raise error(f"{name} is {given!r}, expected a whole number, or height and width such as 96x160")
    if min(sides(size)) < 1:
        raise error(f"{name} is {size}, expected at least 1")
    return size
