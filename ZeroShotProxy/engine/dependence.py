"""Sums and averages of dependent values, for the expected Zen-score. This file does not import torch.

In a cell, a value may reach a sum on several paths, and neighbouring outputs of an average pooling share inputs. So a
value is represented as a sum of `Part`s: sources that are independent of each other, each average-pooled in some way.
Pooling acts on columns and on rows independently of each other, so one matrix over the positions of a column and one
over those of a row are enough; for a square, both are the same (docs/expected-zen.md, equation 10).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from PlainNet.ops import AvgPool, positions_along
from PlainNet.sizes import Sides, Size, sides

if TYPE_CHECKING:
    from ZeroShotProxy.engine.moments import Signal

Array = NDArray[np.float64]
Numbers: TypeAlias = "Array | float"
Pools = tuple[AvgPool, ...]


COLUMN, ROW = 0, 1
"""The axes of a map: a column has as many positions as the map is high, a row as many as it is wide."""


@dataclass(frozen=True, eq=False)
class Texture:
    """The correlations between positions of a column and of a row, with mean diagonal 1. Computed when first used.

    square: whether both are the same. make: returns those of one axis, (positions, positions).
    """

    square: bool
    make: Callable[[int], Array]
    _known: dict[tuple[Pools, int], Array] = field(default_factory=dict, repr=False)

    def matrix(self, axis: int) -> Array:
        """Return the correlations along an axis, (positions, positions)."""
        return self.pooled((), axis)

    def pooled(self, pools: Pools, axis: int) -> Array:
        """Return the covariances between pooled and original values, (positions after pooling, positions)."""
        axis = COLUMN if self.square else axis
        if (pools, axis) not in self._known:
            whole = self.matrix(axis) if pools else self.make(axis)
            self._known[pools, axis] = pooling(pools, len(whole)) @ whole if pools else whole
        return self._known[pools, axis]


class Part(NamedTuple):
    """`factor` times a source with a map of this size that passes through `pools` in order."""

    source: Signal
    size: Size
    pools: Pools
    factor: float


@lru_cache(maxsize=256)
def pooling(pools: Pools, side: int) -> Array:
    """Return the matrix of average pooling along an axis, (positions after, positions before); without padding."""
    found: Array = np.eye(side)
    for pool in pools:
        before = len(found)
        after = positions_along(pool, before)
        one = np.zeros((after, before))
        for i in range(after):
            start = i * pool.stride - pool.padding
            one[i, max(0, start) : start + pool.kernel] = 1
        found = one / one.sum(1, keepdims=True) @ found
    return found


@lru_cache(maxsize=4096)
def _white_overlap(one: Pools, other: Pools, side: int) -> float:
    return float((pooling(one, side) * pooling(other, side)).sum(1).mean())


def overlap(source: Signal, size: Size, one: Pools, other: Pools) -> float:
    """Return the covariance of a source pooled in two ways, at the same position, divided by its variance."""
    if not one and not other:
        return 1.0
    own = 1.0
    for axis, side in enumerate(sides(size)):
        own *= _overlap_along(source.texture, axis, side, one, other)
    return source.shared + (1 - source.shared) * own


def _overlap_along(texture: Texture | None, axis: int, side: int, one: Pools, other: Pools) -> float:
    if texture is None:
        return _white_overlap(one, other, side)
    return float(np.vdot(texture.pooled(one, axis), pooling(other, side)) / len(pooling(other, side)))


class Total(NamedTuple):
    """The statistics of a sum of parts.

    moved: the variance minus the covariance of the two passes. shared: the correlation of two positions of an image.
    """

    variance: float
    mean: float
    moved: Numbers
    shared: float


def total(parts: Sequence[Part]) -> Total:
    """Return the statistics of the sum of `parts`."""
    variance, common, mean = 0.0, 0.0, 0.0
    moved: Numbers = 0.0
    for own in _by_source(parts):
        source = own[0].source
        weight = 0.0
        for i, a in enumerate(own):
            weight += a.factor**2 * overlap(source, a.size, a.pools, a.pools)
            for b in own[:i]:
                weight += 2 * a.factor * b.factor * overlap(source, a.size, a.pools, b.pools)
        weight *= source.variance
        variance += weight
        moved = moved + weight * source.decorrelation
        if source.mean2 or source.shared:
            factor = sum(part.factor for part in own)
            mean += factor * math.sqrt(source.mean2)
            common += factor**2 * source.shared * source.variance
    return Total(variance, mean, moved, common / variance if variance else 0.0)


def merged(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Combine the parts that have the same source and the same pooling. The sum does not change."""
    found: dict[tuple[int, Pools], Part] = {}
    for part in parts:
        key = id(part.source), part.pools
        factor = part.factor + (found[key].factor if key in found else 0.0)
        found[key] = part._replace(factor=factor)
    return tuple(found.values())


def pooled(parts: Sequence[Part], pool: AvgPool) -> tuple[Part, ...]:
    """Return the parts of the average-pooled sum."""
    return tuple(part._replace(pools=(*part.pools, pool)) for part in parts)


def texture(parts: Sequence[Part]) -> Texture | None:
    """Return the texture of the sum of parts, or None if its positions are independent."""
    if all(not part.pools and part.source.texture is None for part in parts):
        return None
    # A square map behind one that was not square can still have other correlations along columns than along rows.
    sources = [part.source.texture for part in parts]
    square = not isinstance(parts[0].size, Sides) and all(one is None or one.square for one in sources)
    return Texture(square, lambda axis: _correlations(parts, axis))


def strided(whole: Texture, stride: int) -> Texture:
    """Return the texture of every `stride`-th position."""
    return whole if stride == 1 else Texture(whole.square, lambda axis: whole.matrix(axis)[::stride, ::stride])


def mixed(textures: Sequence[Texture | None], weights: Sequence[float]) -> Texture | None:
    """Return the weighted mean of several textures, None meaning independent positions. None if all are None."""
    known = [found for found in textures if found is not None]
    if not known:
        return None

    def make(axis: int) -> Array:
        white = np.eye(len(known[0].matrix(axis)))
        matrices = [white if found is None else found.matrix(axis) for found in textures]
        mean: Array = np.average(matrices, axis=0, weights=weights)
        return mean

    return Texture(all(found.square for found in known), make)


def _correlations(parts: Sequence[Part], axis: int) -> Array:
    covariance: Array = np.zeros(())
    for own in _by_source(parts):
        source = own[0].source
        for i, a in enumerate(own):
            covariance = covariance + a.factor**2 * source.variance * _across(a, a, axis)
            for b in own[:i]:
                one = a.factor * b.factor * source.variance * _across(a, b, axis)
                covariance = covariance + one + one.T
    # The variance is larger at borders. Divide by its mean, as only the correlations matter.
    correlations: Array = covariance / covariance.diagonal().mean()
    return correlations


def _across(a: Part, b: Part, axis: int) -> Array:
    """The covariances between positions along an axis for two parts of one source, divided by its variance."""
    texture, side = a.source.texture, sides(a.size)[axis]
    inner = pooling(a.pools, side) if texture is None else texture.pooled(a.pools, axis)
    return inner @ pooling(b.pools, side).T if b.pools else inner


def _by_source(parts: Sequence[Part]) -> list[list[Part]]:
    found: dict[int, list[Part]] = {}
    for part in parts:
        found.setdefault(id(part.source), []).append(part)
    return list(found.values())
