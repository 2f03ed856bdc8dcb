"""Frequencies of feature maps: how correlations between the positions of a map are represented. No torch.

A map is treated as periodic, a torus, so that a stationary field is described by its power at each frequency. All
kernels and correlations here are the same in both directions, so frequencies that only differ in sign form a class and
share one number. On square maps, they are also the same along rows and columns, and so are frequencies that only differ
in order. Where every forward value is white there, still fewer numbers suffice: the gradient is then a sum of combs,
which stride 2 makes from a constant, and has the same power at all frequencies of a shell (docs/mean-field.md, equation
1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from PlainNet.sizes import Sides, Size, sides

Array = NDArray[np.float64]
Power: TypeAlias = "Array | float"
"""The power at each class of frequencies, (classes,), or one number if it is the same at all."""

LARGEST = 8
"""The height and width of the largest torus. Larger maps are described by their correlations within such a window."""


@dataclass(frozen=True, eq=False)
class Torus:
    """The classes of frequencies of a map.

    height, width: positions along a column and along a row of the torus. members: the frequencies (y, x) of a
    representative of each class, (classes, 2). weights: the share of frequencies in each class, (classes,). class_of:
    the class of each frequency, (height, width).
    """

    height: int
    width: int
    members: NDArray[np.int64]
    weights: Array
    class_of: NDArray[np.int64]

    def mean(self, power: Power) -> float:
        """Return the mean over all frequencies, which is the value at distance 0."""
        return power if isinstance(power, float) else float(self.weights @ power)

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """The weights as plain numbers."""
        return tuple(self.weights.tolist())

    @property
    def positions(self) -> int:
        """Height times width."""
        return self.height * self.width

    @cached_property
    def to_positions(self) -> Array:
        """The matrix from powers to correlations at each class of distances, (classes, classes)."""
        y, x = np.indices(self.class_of.shape).reshape(2, -1)
        down, along = self.members.T  # frequencies and distances have the same classes
        waves = np.cos(2 * np.pi / self.height * np.outer(down, y)) * np.cos(
            2 * np.pi / self.width * np.outer(along, x)
        )
        found = np.zeros((len(self.weights), len(self.weights)))
        for c in range(len(self.weights)):
            found[:, c] = waves[:, self.class_of.ravel() == c].sum(1)
        return np.asarray(found / self.positions)

    @cached_property
    def to_powers(self) -> Array:
        """The inverse of `to_positions`."""
        return np.asarray(np.linalg.inv(self.to_positions), dtype=np.float64)

    @cached_property
    def constant(self) -> Array:
        """The power of a field that is constant over positions and has variance 1, (classes,)."""
        found: Array = np.zeros(len(self.weights))
        found[self.class_of[0, 0]] = self.positions
        return found

    @cache  # noqa: B019 - tori live as long as the process
    def box(self, kernel: int) -> Array:
        """Return the transfer function of the mean over kernel × kernel neighbours, (classes,)."""
        steps = np.arange(kernel) - (kernel - 1) / 2
        column, row = (
            np.cos(2 * np.pi / side * np.outer(np.arange(side), steps)).mean(1) for side in (self.height, self.width)
        )
        return np.asarray(column[self.members[:, 0]] * row[self.members[:, 1]])

    @cache  # noqa: B019
    def routing(self, kernel: int) -> Array:
        """Return the matrix from the powers of a gradient at maxima of kernel × kernel neighbours, one at each
        position, to those of the gradient at the neighbours, (classes, classes).

        Two windows that share m of k² neighbours have the same maximum with probability m / (2k² − m): if the largest
        of all neighbours is a shared one. Otherwise, their maxima are at any two different neighbours.
        """
        offsets = np.arange(kernel) - (kernel - 1) // 2
        window = np.zeros(self.class_of.shape)
        for y in offsets:
            for x in offsets:
                window[y % self.height, x % self.width] += 1
        # For each distance, the number of pairs of neighbours of two windows at distance 0 that are so far apart.
        pairs = np.fft.ifft2(np.abs(np.fft.fft2(window)) ** 2).real
        moved = np.zeros((len(self.weights), len(self.weights)))
        spots = np.argwhere(np.ones_like(self.class_of, dtype=bool))
        for to, (y, x) in enumerate(self.members):
            for by, bx in spots:
                apart = pairs[(y - by) % self.height, (x - bx) % self.width] / kernel**4
                shared = pairs[by, bx]
                same = min(1.0, shared / max(1.0, 2 * kernel**2 - shared))
                if (y, x) == (0, 0):
                    probability = same
                else:
                    equal = shared / kernel**4
                    probability = (1 - same) * apart / (1 - equal) if equal < 1 else 0.0
                moved[to, self.class_of[by, bx]] += probability
        return np.asarray(self.to_powers @ moved @ self.to_positions)


def _classes(height: int, width: int, key: Callable[[int, int], object]) -> Torus:
    keys: dict[object, int] = {}
    members: list[tuple[int, int]] = []
    class_of = np.zeros((height, width), dtype=np.int64)
    for y in range(height):
        for x in range(width):
            name = key(y, x)
            if name not in keys:
                keys[name] = len(keys)
                members.append((y, x))
            class_of[y, x] = keys[name]
    counts = np.bincount(class_of.ravel())
    return Torus(height, width, np.array(members), counts / class_of.size, class_of)


@cache
def torus(size: Size, shells: bool) -> Torus:
    """Return the torus of a map: each side is the largest power of two up to that of the map and `LARGEST`.

    shells: whether one class for each shell of frequencies is enough, if the map is square.
    """
    height, width = (1 << (max(1, min(side, LARGEST)).bit_length() - 1) for side in sides(size))
    if isinstance(size, Sides):
        return _classes(height, width, lambda y, x: (min(y, height - y), min(x, width - x)))
    side = height
    if not shells:
        return _classes(side, side, lambda y, x: tuple(sorted((min(y, side - y), min(x, side - x)))))

    def period(f: int) -> int:
        """The largest power of two that divides f; the side of the torus for 0."""
        return f & -f or side

    return _classes(side, side, lambda y, x: min(period(y), period(x)))


@cache
def folded(fine: Torus, coarse: Torus, stride: int) -> NDArray[np.int64]:
    """Return, for each class of a map, the class of the map of every `stride`-th position that it is folded onto."""
    y, x = fine.members.T
    down = np.rint(y * stride * coarse.height / fine.height).astype(np.int64) % coarse.height
    along = np.rint(x * stride * coarse.width / fine.width).astype(np.int64) % coarse.width
    return np.asarray(coarse.class_of[down, along])


@cache
def decimation(fine: Torus, coarse: Torus, stride: int) -> Array:
    """Return the matrix from the powers of a map to those of every `stride`-th position, (coarse, fine classes).

    Distances beyond the half of the fine torus count as uncorrelated, unless the torus is as large as the map.
    """
    chosen = np.zeros((len(coarse.weights), len(fine.weights)))
    for i, (down, along) in enumerate(coarse.members.tolist()):
        # Where a square map follows one that is not, the two orders share a class only in the coarse torus.
        both = coarse.height == coarse.width and coarse.class_of[along, down] == i
        orders = ((down, along), (along, down)) if both else ((down, along),)
        for one, other in orders:
            y = _reached(one, coarse.height, fine.height, stride)
            x = _reached(other, coarse.width, fine.width, stride)
            if y is not None and x is not None:
                chosen[i, fine.class_of[y, x]] += 1 / len(orders)
    return np.asarray(coarse.to_powers @ chosen @ fine.to_positions)


def _reached(distance: int, coarse: int, fine: int, stride: int) -> int | None:
    """The distance along an axis of a fine torus that is one of a coarse torus, or None if it is too far."""
    found = min(distance, coarse - distance) * stride
    return found % fine if coarse * stride == fine or found <= fine // 2 else None


@cache
def spreading(fine: Torus, coarse: Torus, stride: int) -> Array:
    """Return the matrix from the powers of a map to those with zeros between its positions, (fine, coarse classes).

    It keeps the correlations at distances within the fine torus. Its rows are those of `folded` if the coarse torus is
    smaller by the stride.
    """
    chosen = np.zeros((len(fine.weights), len(coarse.weights)))
    for i, (down, along) in enumerate(fine.members.tolist()):
        y, x = min(down, fine.height - down), min(along, fine.width - along)
        if y % stride == 0 and x % stride == 0:
            chosen[i, coarse.class_of[y // stride % coarse.height, x // stride % coarse.width]] = 1
    return np.asarray(fine.to_powers @ chosen @ coarse.to_positions)
