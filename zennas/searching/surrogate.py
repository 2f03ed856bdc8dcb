"""A Gaussian process that predicts scores of structures from few of them, in milliseconds.

Its prior is a line in the ranks of a cheap score, if there is one, and its kernel falls exponentially with the
distance of two structures: the decisions in which they differ, or, in open spaces, the differences between the sums of
their nodes' features. See Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def predicted(
    features: Floats, known: Sequence[int], values: Sequence[float], prior: Floats | None, slope: float, reach: float
) -> Floats:
    """Return the expected value of each structure, (structures,), in units of the known ones.

    features: (structures, features). known: the places of structures with a value, at least one. values: theirs.
    prior: something that values are expected to be linear in, (structures,), None for nothing; slope: the variance of
    the slope. reach: the distance at which the kernel has fallen to 1/e, in units of the mean distance to a known one.
    """
    places = np.asarray(known)
    scaled = np.asarray(values, dtype=np.float64)
    spread = scaled.std()
    scaled = (scaled - scaled.mean()) / (spread if spread > 0 else 1.0)
    distances = np.stack([np.abs(features - features[place]).sum(axis=1) / 2 for place in places], axis=1)
    kernel = np.exp(-distances / (reach * max(float(distances.mean()), 1e-9))) + 1.0  # 1.0: of the unknown mean
    if prior is not None:
        kernel += slope * np.outer(prior, prior[places])
    return np.asarray(kernel @ np.linalg.solve(kernel[places] + NOISE * np.eye(len(places)), scaled))


class Process:
    """Predicts the structures of a space. slope, reach: see `predicted`."""

    def __init__(self, space: SearchSpace, slope: float, reach: float) -> None:
        self._of = features_of(space)
        self._slope, self._reach = slope, reach
        self._last: tuple[Sequence[Structure], Floats] | None = None

    def expected(
        self,
        structures: Sequence[Structure],
        known: Sequence[int],
        values: Sequence[float],
        worth: Sequence[float] | None,
    ) -> list[float]:
        """Return the expected value of each structure. worth: the ranks by a cheap score, from 0 to 1; None without."""
        if self._last is None or self._last[0] is not structures:
            self._last = structures, np.stack([self._of(one) for one in structures])
        prior = None if worth is None else normal_ranks(worth)
        return [float(x) for x in predicted(self._last[1], known, values, prior, self._slope, self._reach)]
