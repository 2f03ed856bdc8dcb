"""Sums and averages of dependent values, for the expected Zen-score. This file does not import torch.

In a cell, a value may reach a sum on several paths, and neighbouring outputs of an average pooling share inputs. So a
value is represented as a sum of `Part`s: sources that are independent of each other, each average-pooled in some way.
Pooling acts the same on rows and columns, so one matrix over the positions of a row is enough (docs/expected-zen.md,
equation 10).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from PlainNet.ops import AvgPool, positions

if TYPE_CHECKING:
    from ZeroShotProxy.engine.moments import Signal

Array = NDArray[np.float64]
Numbers: TypeAlias = "Array | float"
Pools = tuple[AvgPool, ...]


@dataclass(frozen=True, eq=False)
class Texture:
    """The correlations between positions of a row, (size, size), with mean diagonal 1. Computed when first used."""

    make: Callable[[], Array]
    _known: dict[Pools, Array] = field(default_factory=dict, repr=False)

    @cached_property
    def matrix(self) -> Array:
        return self.make()

    def pooled(self, pools: Pools) -> Array:
        """Return the covariances between pooled and original values, (positions after pooling, size)."""
        if not pools:
            return self.matrix
        if pools not in self._known:
            self._known[pools] = pooling(pools, len(self.matrix)) @ self.matrix
        return self._known[pools]


class Part(NamedTuple):
    """`factor` times a source of `size` × `size` positions that passes through `pools` in order."""

    source: Signal
    size: int
    pools: Pools
    factor: float


@lru_cache(maxsize=256)
def pooling(pools: Pools, size: int) -> Array:
    """Return the matrix of average pooling along a row, (positions after, positions before). Padding does not count."""
    found: Array = np.eye(size)
    for pool in pools:
        before = len(found)
        after = positions(pool, before)
        one = np.zeros((after, before))
        for i in range(after):
            start = i * pool.stride - pool.padding
            one[i, max(0, start) : start + pool.kernel] = 1
        found = one / one.sum(1, keepdims=True) @ found
    return found


@lru_cache(maxsize=4096)
def _white_overlap(one: Pools, other: Pools, size: int) -> float:
    return float((pooling(one, size) * pooling(other, size)).sum(1).mean()) ** 2


def overlap(source: Signal, size: int, one: Pools, other: Pools) -> float:
    """Return the covariance of a source pooled in two ways, at the same position, divided by its variance."""
    if not one and not other:
        return 1.0
    if source.texture is None:
        own = _white_overlap(one, other, size)
    else:
        own = float(np.vdot(source.texture.pooled(one), pooling(other, size)) / len(pooling(other, size))) ** 2
    return source.shared + (1 - source.shared) * own


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
    return Texture(lambda: _correlations(parts))


def strided(whole: Texture, stride: int) -> Texture:
    """Return the texture of every `stride`-th position."""
    return whole if stride == 1 else Texture(lambda: whole.matrix[::stride, ::stride])


def mixed(textures: Sequence[Texture | None], weights: Sequence[float]) -> Texture | None:
    """Return the weighted mean of several textures, None meaning independent positions. None if all are None."""
    known = [found for found in textures if found is not None]
    if not known:
        return None

    def make() -> Array:
        white = np.eye(len(known[0].matrix))
        matrices = [white if found is None else found.matrix for found in textures]
        mean: Array = np.average(matrices, axis=0, weights=weights)
        return mean

    return Texture(make)


def _correlations(parts: Sequence[Part]) -> Array:
    covariance: Array = np.zeros(())
    for own in _by_source(parts):
        source = own[0].source
        for i, a in enumerate(own):
            covariance = covariance + a.factor**2 * source.variance * _across(a, a)
            for b in own[:i]:
                one = a.factor * b.factor * source.variance * _across(a, b)
                covariance = covariance + one + one.T
    # The variance is larger at borders. Divide by its mean, as only the correlations matter.
    correlations: Array = covariance / covariance.diagonal().mean()
    return correlations


def _across(a: Part, b: Part) -> Array:
    """The covariances between positions of a row for two parts of one source, divided by its variance."""
    texture = a.source.texture
    inner = pooling(a.pools, a.size) if texture is None else texture.pooled(a.pools)
    return inner @ pooling(b.pools, b.size).T if b.pools else inner


def _by_source(parts: Sequence[Part]) -> list[list[Part]]:
    found: dict[int, list[Part]] = {}
    for part in parts:
        found.setdefault(id(part.source), []).append(part)
    return list(found.values())
