"""A Gaussian process that predicts scores of structures from few of them, in milliseconds.

Its prior is a line in the ranks of a cheap score, if there is one, and its kernel falls exponentially with the
distance of two structures: the decisions in which they differ, or, in open spaces, the differences between the sums of
their nodes' features. See Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from PlainNet import Structure
from SearchSpace import DecisionSpace, SearchSpace
from SearchSpace.graphs import graphs_of

Floats: TypeAlias = NDArray[np.float64]

NOISE = 0.05
"""Variance of the noise; that of the known values is 1."""


def features_of(space: SearchSpace) -> Callable[[Structure], Floats]:
    """Return the function from structures to vectors, half of whose absolute differences sum up to a distance."""
    graph_of = graphs_of(space)
    if not isinstance(space, DecisionSpace):
        return lambda structure: np.sum(graph_of(structure).nodes, axis=0)
    ends = np.cumsum([len(decision.options) for decision in space.decisions()])
    starts = np.concatenate([[0], ends[:-1]])

    def one_hot(structure: Structure) -> Floats:
        found = np.zeros(ends[-1])
        found[starts + space.encode(structure)] = 1
        return found

    return one_hot


def normal_ranks(worth: Sequence[float]) -> Floats:
    """Return ranks from 0 to 1 as quantiles of the normal distribution."""
    n, normal = len(worth), NormalDist()
    return np.array([normal.inv_cdf((share * (n - 1) + 0.5) / n) for share in worth])


class Process:
    """Predicts the structures of a space.

    slope: the variance of the slope of the prior, a line in the ranks of a cheap score. reach: the distance at which
    the kernel has fallen to 1/e, in units of the mean distance of all structures to those with a value.
    """

    def __init__(self, space: SearchSpace, slope: float, reach: float) -> None:
        self._features_of = features_of(space)
        self._slope, self._reach = slope, reach
        self._last: _Prepared | None = None

    def expected(
        self, structures: Sequence[Structure], values: Mapping[Structure, float], worth: Sequence[float] | None
    ) -> Floats:
        """Return the expected value of each structure, (structures,), in units of the known values.

        values: those that are known, of which structures that are not among `structures` are ignored. worth: the ranks
        by a cheap score, from 0 to 1; None without one. With no known value, the prior alone.
        """
        if self._last is None or self._last.structures is not structures:
            self._last = _Prepared(structures, self._features_of, worth)
        last = self._last
        known = [last.places[structure] for structure in values if structure in last.places]
        if not known:
            return last.prior
        scaled = np.array([value for structure, value in values.items() if structure in last.places])
        spread = scaled.std()
        scaled = (scaled - scaled.mean()) / (spread if spread > 0 else 1.0)
        distances = np.stack([last.distances(place) for place in known], axis=1)
        kernel = np.exp(-distances / (self._reach * max(float(distances.mean()), 1e-9))) + 1.0  # 1.0: the unknown mean
        kernel += self._slope * np.outer(last.prior, last.prior[known])
        return np.asarray(kernel @ np.linalg.solve(kernel[known] + NOISE * np.eye(len(known)), scaled))


class _Prepared:
    """What stays the same while the same structures are predicted again and again."""

    def __init__(
        self,
        structures: Sequence[Structure],
        features_of: Callable[[Structure], Floats],
        worth: Sequence[float] | None,
    ) -> None:
        self.structures = structures
        self.places = {structure: place for place, structure in enumerate(structures)}
        self.prior = np.zeros(len(structures)) if worth is None else normal_ranks(worth)
        self._features = np.stack([features_of(structure) for structure in structures])
        self._known: dict[int, Floats] = {}

    def distances(self, place: int) -> Floats:
        """Return the distance of each structure to the one at a place."""
        if place not in self._known:
            self._known[place] = np.abs(self._features - self._features[place]).sum(axis=1) / 2
        return self._known[place]
