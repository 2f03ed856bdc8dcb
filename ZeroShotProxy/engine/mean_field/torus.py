"""Frequencies of feature maps: how correlations between the positions of a map are represented. No torch.

A map is treated as periodic, a torus of n × n positions, so that a stationary field is described by its power at each
frequency. All kernels and correlations here are the same along rows and columns and in both directions, so frequencies
that only differ in order or sign form a class and share one number. Where every forward value is white, still fewer
numbers suffice: the gradient is then a sum of combs, which stride 2 makes from a constant, and has the same power at
all frequencies of a shell (docs/mean-field.md, equation 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Power: TypeAlias = "Array | float"
"""The power at each class of frequencies, (classes,), or one number if it is the same at all."""

LARGEST = 8
"""The side of the largest torus. Larger maps are described by their correlations within such a window."""


@dataclass(frozen=True, eq=False)
class Torus:
    """The classes of frequencies of a map.

    side: positions along a row of the torus. members: the frequencies (y, x) of a representative of each class,
    (classes, 2). weights: the share of frequencies in each class, (classes,). class_of: the class of each frequency,
    (side, side).
    """

    side: int
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

    @cached_property
    def to_positions(self) -> Array:
        """The matrix from powers to correlations at each class of distances, (classes, classes)."""
        y, x = np.indices((self.side, self.side)).reshape(2, -1)
        distances = self.members  # frequencies and distances have the same classes
        angle = 2 * np.pi / self.side
        waves = np.cos(angle * np.outer(distances[:, 0], y)) * np.cos(angle * np.outer(distances[:, 1], x))
        found = np.zeros((len(self.weights), len(self.weights)))
        for c in range(len(self.weights)):
            found[:, c] = waves[:, self.class_of.ravel() == c].sum(1)
        return np.asarray(found / self.side**2)

    @cached_property
    def to_powers(self) -> Array:
        """The inverse of `to_positions`."""
        return np.asarray(np.linalg.inv(self.to_positions), dtype=np.float64)

    @cached_property
    def constant(self) -> Array:
        """The power of a field that is constant over positions and has variance 1, (classes,)."""
        found: Array = np.zeros(len(self.weights))
        found[self.class_of[0, 0]] = self.side**2
        return found

    @cache  # noqa: B019 - tori live as long as the process
    def box(self, kernel: int) -> Array:
        """Return the transfer function of the mean over kernel × kernel neighbours, (classes,)."""
        steps = np.arange(kernel) - (kernel - 1) / 2
        row = np.cos(2 * np.pi / self.side * np.outer(np.arange(self.side), steps)).mean(1)
        return np.asarray(row[self.members[:, 0]] * row[self.members[:, 1]])

    @cache  # noqa: B019
    def routing(self, kernel: int) -> Array:
        """Return the matrix from the powers of a gradient at maxima of kernel × kernel neighbours, one at each
        position, to those of the gradient at the neighbours, (classes, classes).

        Two windows that share m of k² neighbours have the same maximum with probability m / (2k² − m): if the largest
        of all neighbours is a shared one. Otherwise, their maxima are at any two different neighbours.
        """
        offsets = np.arange(kernel) - (kernel - 1) // 2
        window = np.zeros((self.side, self.side))
        for y in offsets:
            for x in offsets:
                window[y % self.side, x % self.side] += 1
        # For each distance, the number of pairs of neighbours of two windows at distance 0 that are so far apart.
        pairs = np.fft.ifft2(np.abs(np.fft.fft2(window)) ** 2).real
        moved = np.zeros((len(self.weights), len(self.weights)))
        spots = np.argwhere(np.ones_like(self.class_of, dtype=bool))
        for to, (y, x) in enumerate(self.members):
            for by, bx in spots:
                apart = pairs[(y - by) % self.side, (x - bx) % self.side] / kernel**4
                shared = pairs[by, bx]
                same = min(1.0, shared / max(1.0, 2 * kernel**2 - shared))
                if (y, x) == (0, 0):
                    probability = same
                else:
                    equal = shared / kernel**4
                    probability = (1 - same) * apart / (1 - equal) if equal < 1 else 0.0
                moved[to, self.class_of[by, bx]] += probability
        return np.asarray(self.to_powers @ moved @ self.to_positions)


def _classes(side: int, key: Callable[[int, int], object]) -> Torus:
    keys: dict[object, int] = {}
    members: list[tuple[int, int]] = []
    class_of = np.zeros((side, side), dtype=np.int64)
    for y in range(side):
        for x in range(side):
            name = key(y, x)
            if name not in keys:
                keys[name] = len(keys)
                members.append((y, x))
            class_of[y, x] = keys[name]
    counts = np.bincount(class_of.ravel())
    return Torus(side, np.array(members), counts / side**2, class_of)


@cache
def torus(size: int, shells: bool) -> Torus:
    """Return the torus of a map of `size` × `size` positions: the largest power of two up to `size` and `LARGEST`.

    shells: whether one class for each shell of frequencies is enough.
    """
    side = 1 << (max(1, min(size, LARGEST)).bit_length() - 1)
    if not shells:
        return _classes(side, lambda y, x: tuple(sorted((min(y, side - y), min(x, side - x)))))

    def period(f: int) -> int:
        """The largest power of two that divides f; the side of the torus for 0."""
        return f & -f or side

    return _classes(side, lambda y, x: min(period(y), period(x)))


@cache
def folded(fine: Torus, coarse: Torus, stride: int) -> NDArray[np.int64]:
    """Return, for each class of a map, the class of the map of every `stride`-th position that it is folded onto."""
    index = np.rint(fine.members * stride * coarse.side / fine.side).astype(np.int64) % coarse.side
    return np.asarray(coarse.class_of[index[:, 0], index[:, 1]])


@cache
def decimation(fine: Torus, coarse: Torus, stride: int) -> Array:
    """Return the matrix from the powers of a map to those of every `stride`-th position, (coarse, fine classes).

    Distances beyond the half of the fine torus count as uncorrelated, unless the torus is as large as the map.
    """
    chosen = np.zeros((len(coarse.weights), len(fine.weights)))
    whole = coarse.side * stride == fine.side
    for i, distance in enumerate(coarse.members):
        y, x = (min(d, coarse.side - d) * stride for d in distance.tolist())
        if whole or max(y, x) <= fine.side // 2:
            chosen[i, fine.class_of[y % fine.side, x % fine.side]] = 1
    return np.asarray(coarse.to_powers @ chosen @ fine.to_positions)


@cache
def spreading(fine: Torus, coarse: Torus, stride: int) -> Array:
    """Return the matrix from the powers of a map to those with zeros between its positions, (fine, coarse classes).

    It keeps the correlations at distances within the fine torus. Its rows are those of `folded` if the coarse torus is
    smaller by the stride.
    """
    chosen = np.zeros((len(fine.weights), len(coarse.weights)))
    for i, distance in enumerate(fine.members.tolist()):
        y, x = (min(d, fine.side - d) for d in distance)
        if y % stride == 0 and x % stride == 0:
            chosen[i, coarse.class_of[y // stride % coarse.side, x // stride % coarse.side]] = 1
    return np.asarray(fine.to_powers @ chosen @ coarse.to_positions)
