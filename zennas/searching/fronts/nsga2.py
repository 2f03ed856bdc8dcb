"""NSGA-II: generations of a population that keep what is not dominated, and of the rest what is least crowded.

Only the order within each objective counts. A parent wins a tournament of two: by its front, then by its crowding. In
spaces that are a list of decisions (`DecisionSpace`), a child takes each decision from one of two parents, and may be
mutated; in open spaces, which have no such list, it is a mutation of one parent. Objectives with one value work, too.
A warm-up chooses the first generation, and move proposals choose among the mutations.

Source: Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, 2002.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PlainNet import Structure
from SearchSpace import DecisionSpace, SearchSpaceError
from zennas.common.limits import check_whole
from zennas.runs.candidate import Candidate
from zennas.searching.fronts.dominance import Floats, Track, as_vectors, best_first
from zennas.searching.guides.draws import check_warm_up
from zennas.searching.objectives.base import VectorObjective
from zennas.searching.population import PopulationSearch
from zennas.searching.strategies.base import Problem
from zennas.searching.strategies.evolution import FOUNDERS


class Nsga2(PopulationSearch):
    """The population: parents, then the children that were scored; the first generation has no parents.

    size: of the population. crossover, mutation: see `strategies.nsga2.Nsga2Options`.
    """

    def __init__(self, problem: Problem, size: int, crossover: float, mutation: float) -> None:
        super().__init__(problem)
        check_warm_up(problem)
        self._size, self._crossover, self._mutation = size, crossover, mutation
        self._parents = 0
        self._places: list[int] = []  # of the parents, in the order of `best_first`
        self._track = Track()

    @property
    def begins_with_draws(self) -> bool:
        return self.draws.warm

    def propose(self) -> tuple[Structure, int | None]:
        rng, space = self.rng, self.space
        if not self._parents:
            return self._founder()
        first = self._winner()
        if isinstance(space, DecisionSpace) and rng.random() < self._crossover:
            child = self._crossed(space, first.structure, self._winner().structure)
            return self.moves.child(space, child, rng) if rng.random() < self._mutation else child, first.id
        return self.moves.child(space, first.structure, rng, changes=2), first.id

    def _founder(self) -> tuple[Structure, int | None]:
        """A structure of the first generation: mutated, or drawn if the space is a list of decisions."""
        rng, space, population = self.rng, self.space, self.population
        if self.draws.warm:
            return self.draws.next(rng), None
        if isinstance(space, DecisionSpace) and rng.random() < 0.5:
            return space.sample_uniform(rng), None
        if len(population) <= FOUNDERS:
            return space.mutate(self.first, rng), 1
        parent = population[int(rng.random() * len(population))]
        return space.mutate(parent.structure, rng, changes=2), parent.id

    def _winner(self) -> Candidate:
        one, other = (int(self.rng.random() * self._parents) for _ in range(2))
        return self.population[one if self._places[one] <= self._places[other] else other]

    def _crossed(self, space: DecisionSpace, one: Structure, other: Structure) -> Structure:
        """A structure with each decision from one of two; the first one if they make no network."""
        pairs = list(zip(space.encode(one), space.encode(other), strict=True))
        try:
            return space.decode([pair[self.rng.random() < 0.5] for pair in pairs])
        except SearchSpaceError:
            return one

    def receive(self, candidate: Candidate) -> None:
        self.keep(candidate)
        if len(self.population) == self._parents + self._size:
            self._select()

    def _select(self) -> None:
        """End a generation: the best become parents."""
        for position in sorted(best_first(self._vectors(self.population)).tolist()[self._size :], reverse=True):
            self.drop(position)
        self._parents = len(self.population)
        self.draws.close()
        self._rank()
        if isinstance(self.objective, VectorObjective):
            self._track.add(self.admission.tried, self._vectors(self.population))

    def _rank(self) -> None:
        order = best_first(self._vectors(self.population[: self._parents])).tolist()
        self._places = [0] * self._parents
        for place, position in enumerate(order):
            self._places[position] = place

    def _vectors(self, candidates: list[Candidate]) -> Floats:
        """(candidates, objectives): higher is better."""
        if isinstance(self.objective, VectorObjective):
            return as_vectors(self.objective.vectors(candidates), len(self.objective.measures))
        return as_vectors([(value,) for value in (self.objective.values(candidates) if candidates else ())], 1)

    def hypervolume(self) -> dict[str, Any] | None:
        """Return the hypervolume so far, see `Track.now`; None for an objective of one value."""
        if not isinstance(self.objective, VectorObjective):
            return None
        return self._track.now(self.admission.tried, self._vectors(self.population))

    def state(self) -> dict[str, Any]:
        return {**super().state(), "parents": self._parents, "hypervolume": self._track.state()}

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        super().restore(state, candidates)
        check_whole("parents", state["parents"], ValueError, least=0, most=len(self.population))
        objectives = len(self.objective.measures) if isinstance(self.objective, VectorObjective) else 1
        self._parents, self._track = state["parents"], Track.restored(state["hypervolume"], objectives)
        self._rank()
