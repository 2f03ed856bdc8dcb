"""Dominance among vectors of objectives: non-dominated sorting, crowding and hypervolume.

Vectors are rows (vectors, objectives), and higher is better in each. One dominates another if it is at least as good
in every objective and better in one. Sorting and hypervolumes are computed by moocore.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zennas.common.numbers import counted

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def fronts(vectors: Floats) -> Integers:
    """Return the number of the front of each vector: 0 for those that none dominates, 1 for those that only vectors of
    front 0 dominate, and so on. Equal vectors are in the same front.

    Source: Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, 2002, section III-A.
    """
    if not len(vectors):
        return np.zeros(0, np.int64)
    if vectors.shape[1] == 1:  # moocore sorts from two objectives on
        return np.unique(-vectors[:, 0], return_inverse=True)[1].astype(np.int64)
    from moocore import pareto_rank

    return np.asarray(pareto_rank(vectors, maximise=True), np.int64)


def crowding(vectors: Floats, numbers: Integers) -> Floats:
    """Return the crowding distance of each vector within its front: how far its neighbours are, infinite at the ends.

    numbers: from `fronts`. Of equal vectors, all but the first have 0. Source: Deb et al., section III-B.
    """
    found = np.zeros(len(vectors))
    for number in np.unique(numbers):
        here = np.flatnonzero(numbers == number)
        unlike = here[np.sort(np.unique(vectors[here], axis=0, return_index=True)[1])]
        found[unlike] = _distances(vectors[unlike])
    return found


def _distances(vectors: Floats) -> Floats:
    """The crowding distances of different vectors."""
    found = np.zeros(len(vectors))
    for column in range(vectors.shape[1]):
        # Equal values are ordered by the others, so that distances do not depend on the order of the vectors.
        others = [vectors[:, i] for i in range(vectors.shape[1]) if i != column]
        order = np.lexsort([*others, vectors[:, column]])
        values = vectors[order, column]
        span = values[-1] - values[0]
        found[order[[0, -1]]] = np.inf
        if span > 0:
            found[order[1:-1]] += (values[2:] - values[:-2]) / span
    return found


def best_first(vectors: Floats) -> Integers:
    """Return the positions of the vectors: by front, then the least crowded first, then in their order."""
    numbers = fronts(vectors)
    return np.lexsort([np.arange(len(vectors)), -crowding(vectors, numbers), numbers]).astype(np.int64)


@dataclass(frozen=True)
class Scale:
    """What hypervolumes are measured against.

    worst: the reference point, one value for each objective. span: the unit of each objective.
    """

    worst: tuple[float, ...]
    span: tuple[float, ...]

    @classmethod
    def of(cls, vectors: Floats) -> Scale:
        """Return the scale on which the worst value of each objective is 0 and the best is 1.

        If all values of an objective are equal, its unit is 1.
        """
        low, span = vectors.min(axis=0), np.ptp(vectors, axis=0)
        return cls(tuple(low.tolist()), tuple(np.where(span > 0, span, 1.0).tolist()))

    def hypervolume(self, vectors: Floats) -> float:
        """Return the volume of what the vectors dominate beyond the reference point, in units of the scale."""
        if not len(vectors):
            return 0.0
        from moocore import hypervolume

        scaled = (vectors - np.array(self.worst)) / np.array(self.span)
        return float(hypervolume(scaled, ref=0.0, maximise=True))


class Track:
    """The hypervolume over the course of a search.

    scale: made from the first vectors; None before. history: pairs of structures tried and hypervolume.
    """

    MOST = 400
    """Entries that are kept: if there are more, every second one is forgotten."""

    def __init__(self) -> None:
        self.scale: Scale | None = None
        self.history: list[tuple[int, float]] = []

    def add(self, tried: int, vectors: Floats) -> None:
        """Measure the vectors that are kept after so many structures were tried."""
        self.scale = self.scale or Scale.of(vectors)
        self.history.append((tried, self.scale.hypervolume(vectors)))
        if len(self.history) > self.MOST:
            self.history = self.history[-1::-2][::-1]

    def now(self, tried: int, vectors: Floats) -> dict[str, Any] | None:
        """Return scale and history with an entry for these vectors, as JSON; None before there are any."""
        if not len(vectors):
            return None
        scale = self.scale or Scale.of(vectors)
        history = [one for one in self.history if one[0] < tried]
        return {**self._json(scale), "history": [*map(list, history), [tried, scale.hypervolume(vectors)]]}

    def state(self) -> dict[str, Any]:
        return {**(self._json(self.scale) if self.scale else {}), "history": [*map(list, self.history)]}

    @classmethod
    def restored(cls, state: dict[str, Any], objectives: int) -> Track:
        """Return the track from a `state`. Raises KeyError, TypeError or ValueError if it is none."""
        made = cls()
        if "worst" in state:
            made.scale = Scale(tuple(map(float, state["worst"])), tuple(map(float, state["span"])))
            if {len(made.scale.worst), len(made.scale.span)} != {objectives} or not min(made.scale.span) > 0:
                raise ValueError(f"the scale is {state['worst']}, {state['span']}, expected {objectives} units above 0")
        made.history = [(int(tried), float(value)) for tried, value in state["history"]]
        return made

    @staticmethod
    def _json(scale: Scale) -> dict[str, Any]:
        return {"worst": list(scale.worst), "span": list(scale.span)}


def as_vectors(rows: Sequence[Sequence[float]], objectives: int) -> Floats:
    """Return rows as an array, (0, objectives) without any. Raises ValueError for another number of objectives."""
    found = np.array(rows, np.float64).reshape(len(rows), -1 if len(rows) else objectives)
    if found.shape[1] != objectives:
        raise ValueError(f"vectors have {counted(found.shape[1], 'objective')}, expected {objectives}")
    return found
