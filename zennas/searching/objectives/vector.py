"""Several goals at once: scores of proxies, and costs. The end is a front, see `searching/fronts/goals.py`.

Only the order within each goal counts, so goals need no weights and no common scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zennas.runs.candidate import Candidate, Measure
from zennas.searching.fronts.goals import VECTOR, Goal, goals_of
from zennas.searching.fronts.grid import memories_of
from zennas.searching.objectives.base import Objective, ObjectiveKind, register
from zennas.searching.objectives.proxy import score_function
from zennas.searching.scoring import scores_of
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import PROXIES


class Vector:
    """Several goals. For strategies that want one value: the front, from the last one up, then the crowding."""

    name, relative = VECTOR, True

    def __init__(self, settings: SearchSettings) -> None:
        self.goals = goals_of(settings)
        self.measures: tuple[str, ...] = tuple(goal.name for goal in self.goals)
        self._memories = memories_of(settings.network)
        proxies = [PROXIES.get(goal.name) for goal in self.goals if not goal.cost]
        self.torch = any(proxy.info.torch for proxy in proxies)
        self._alone = {one.info.name: score_function(one, settings) for one in proxies if not one.info.torch}
        self._together = [one.info.name for one in proxies if one.info.torch]  # so that they share their passes
        self._once = replace(settings, repeats=1)

    def measure(self, candidate: Candidate) -> dict[str, Measure]:
        found = scores_of(candidate, self._together, self._once) if self._together else {}
        found |= {name: Measure(score(candidate)) for name, score in self._alone.items()}
        found |= {goal.name: Measure(self._cost(goal, candidate)) for goal in self.goals if goal.cost}
        return {name: found[name] for name in self.measures}

    def _cost(self, goal: Goal, candidate: Candidate) -> float:
        if goal.source is not None:
            return candidate.latency[goal.source].ms
        memory = self._memories.get(goal.name)
        return float(getattr(candidate.cost, goal.name) if memory is None else memory(candidate.structure))

    def vectors(self, candidates: Sequence[Candidate]) -> list[tuple[float, ...]]:
        return [tuple(goal.value(candidate) for goal in self.goals) for candidate in candidates]

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        from zennas.searching.fronts.dominance import as_vectors, crowding, fronts

        ordered = sorted(range(len(candidates)), key=lambda i: candidates[i].id)  # of equal vectors, the first counts
        vectors = as_vectors(self.vectors([candidates[i] for i in ordered]), len(self.goals))
        numbers = fronts(vectors)
        found = [0.0] * len(candidates)
        for i, number, distance in zip(ordered, numbers.tolist(), crowding(vectors, numbers).tolist(), strict=True):
            found[i] = -number + (0.5 if distance == float("inf") else 0.5 * distance / (1 + distance))
        return found


def make(settings: SearchSettings) -> Objective:
    """Return the objective of `settings.maximise` and `settings.minimise`. Raises what `goals_of` raises."""
    return Vector(settings)


register(ObjectiveKind(VECTOR, "several goals at once: what none is better than in all of them", make))
