"""The front of a search for several goals: which of the kept candidates it is, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zennas.runs.candidate import Candidate
from zennas.searching.fronts.goals import Goal

if TYPE_CHECKING:
    from zennas.searching.objectives.base import VectorObjective

HYPERVOLUME_FACT = "hypervolume"
"""The fact with the scale and the history of the hypervolume."""


@dataclass(frozen=True)
class Hypervolume:
    """The volume of what the front dominates, see `docs/searching.md`.

    reference: the worst value of each goal in the first generation. unit: the difference of the best and the worst.
    history: structures tried, and the hypervolume then; the last entry is that of the points.
    """

    reference: dict[str, float]
    unit: dict[str, float]
    history: tuple[tuple[int, float], ...]

    @property
    def value(self) -> float:
        return self.history[-1][1]

    @classmethod
    def from_json(cls, goals: Sequence[Goal], stored: dict[str, Any]) -> Hypervolume:
        """Return what a run has stored; `zennas.runs.facts` has checked it."""
        worst = {goal.name: goal.sign * value for goal, value in zip(goals, stored["worst"], strict=True)}
        span = {goal.name: value for goal, value in zip(goals, stored["span"], strict=True)}
        return cls(worst, span, tuple((tried, value) for tried, value in stored["history"]))

    def to_json(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "reference": self.reference,
            "unit": self.unit,
            "history": [{"tried": tried, "hypervolume": value} for tried, value in self.history],
        }


@dataclass(frozen=True)
class Tradeoff:
    """The points of a search for several goals, those with the worst first goal first.

    hypervolume: None if the strategy does not follow it.
    """

    goals: tuple[Goal, ...]
    points: tuple[Candidate, ...]
    hypervolume: Hypervolume | None

    def to_json(self, run: str, memories: Callable[[Candidate], Mapping[str, int]]) -> dict[str, Any]:
        """Return goals, points and hypervolume as JSON.

        run: the folder. memories: those of a point that matter, in bytes.
        """
        return {
            "objectives": [{"name": goal.name, "direction": goal.direction} for goal in self.goals],
            "points": [self._point(f"{run}@{i}", one, memories(one)) for i, one in enumerate(self.points, start=1)],
            "hypervolume": None if self.hypervolume is None else self.hypervolume.to_json(),
        }

    def _point(self, name: str, one: Candidate, memories: Mapping[str, int]) -> dict[str, Any]:
        return {
            "network": name,
            "structure": str(one.structure),
            **one.cost.to_json(),
            **memories,
            "latency_ms": next((found.ms for found in one.latency.values()), None),
            "scores": {goal.name: one.measures[goal.name].value for goal in self.goals if goal.name in one.measures},
        }


def tradeoff_points(objective: VectorObjective, kept: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that no other dominates, the earliest of equal ones; the worst first goal first."""
    from zennas.searching.fronts.dominance import as_vectors, fronts

    ordered = sorted(kept, key=lambda candidate: candidate.id)
    rows = objective.vectors(ordered)
    found: dict[tuple[float, ...], Candidate] = {}
    for row, number, candidate in zip(rows, fronts(as_vectors(rows, len(objective.measures))), ordered, strict=True):
        if number == 0:
            found.setdefault(tuple(row), candidate)
    return [found[row] for row in sorted(found)]


def balanced_point(objective: VectorObjective, points: Sequence[Candidate]) -> Candidate:
    """Return the point whose worst goal is best, on the scale of each goal from its worst to its best among them."""
    import numpy as np

    from zennas.searching.fronts.dominance import Scale, as_vectors

    vectors = as_vectors(objective.vectors(points), len(objective.measures))
    scale = Scale.of(vectors)
    least = ((vectors - np.array(scale.worst)) / np.array(scale.span)).min(axis=1)
    return points[int(least.argmax())]
