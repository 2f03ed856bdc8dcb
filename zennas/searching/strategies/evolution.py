"""Evolution as in Zen-NAS: mutate a random member of the population, drop the worst.

Differences from Zen-NAS: the structure that the search starts from is a member itself and need not fit the budget (the
search mutates it until it does), and a structure that has been a member is not scored again. Latencies are determined
last, only for new structures that meet the other limits. With a warm-up, the population begins with the best of its
draws; move proposals choose among neighbours of a random member.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from PlainNet import Structure
from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting
from zennas.runs.candidate import Candidate
from zennas.searching.guides.draws import check_warm_up
from zennas.searching.population import PopulationSearch
from zennas.searching.strategies.base import Problem, Search, Strategy, register

FOUNDERS = 10
"""This many candidates are mutations of the first structure; later ones are mutations of any member. Smaller
populations evolve as soon as they are full."""
FOUNDING = 200
"""After this many proposals the population evolves in any case: in a small space, the first structure may not have
`FOUNDERS` mutations within the budget."""


@dataclass(frozen=True)
class EvolutionOptions:
    """Options of evolution."""

    population_size: int = setting(512, "Number of candidates to keep.", least=2)
    children: int = setting(
        4096,
        "Most candidates that are made at once, from the same population, if the space, the objective and all "
        "latencies have array forms; otherwise, and with 1, candidates are made one at a time.",
        least=1,
    )

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


class Evolution(PopulationSearch):
    """A steady-state population.

    If the objective gives each candidate a value of its own, the worst member is found by a heap; if it ranks
    candidates, each new candidate is compared with all members.
    """

    def __init__(self, problem: Problem, options: EvolutionOptions) -> None:
        super().__init__(problem)
        check_warm_up(problem)
        self._size = options.population_size
        self._founders = min(FOUNDERS, self._size - 1)
        self._worst: list[tuple[float, int, int]] = []  # a heap of (value, id, position in the population)

    @property
    def begins_with_draws(self) -> bool:
        return self.draws.warm

    def propose(self) -> tuple[Structure, int | None]:
        rng, population = self.rng, self.population
        members = len(population)
        if self.draws.warm:
            if not members or (self.draws.chosen and members + self.admission.out < self._size):
                return self.draws.next(rng), None
            self.draws.close()
        elif not members or self._founding(members):
            return self.space.mutate(self.first, rng), 1
        parent = population[int(rng.random() * members)]
        return self.moves.child(self.space, parent.structure, rng, changes=2), parent.id

    def _founding(self, members: int) -> bool:
        """Whether candidates are still mutations of the first structure. Pending candidates count as members."""
        admission = self.admission
        if members > self._founders or members + admission.out > self._founders:
            return False
        return admission.tried - admission.rejected["start"] < FOUNDING

    def receive(self, candidate: Candidate) -> None:
        if self.objective.relative:
            self._receive_ranked(candidate)
        else:
            self._receive_valued(candidate)

    def _receive_valued(self, candidate: Candidate) -> None:
        """Keep a candidate if the population has room for it, or contains a member with a lower value."""
        (value,) = self.objective.values((candidate,))
        members = len(self.population)
        if members < self._size:
            heapq.heappush(self._worst, (value, candidate.id, members))
            self.keep(candidate)
        elif value > self._worst[0][0]:
            position = self._worst[0][2]
            heapq.heapreplace(self._worst, (value, candidate.id, position))
            self.keep(candidate, position)
        else:
            self.reject(candidate)

    def _receive_ranked(self, candidate: Candidate) -> None:
        """Keep a candidate if the population has room for it, or contains a member with a lower rank."""
        if len(self.population) < self._size:
            self.keep(candidate)
            return
        *values, new = self.objective.values((*self.population, candidate))
        worst = min(range(self._size), key=lambda i: (values[i], self.population[i].id))
        if new > values[worst]:
            self.keep(candidate, worst)
        else:
            self.reject(candidate)

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        super().restore(state, candidates)
        self._worst = []
        if not self.objective.relative:
            values = self.objective.values(self.population)
            self._worst = [(v, c.id, i) for i, (v, c) in enumerate(zip(values, self.population, strict=True))]
            heapq.heapify(self._worst)


def make(problem: Problem, options: EvolutionOptions) -> Search:
    """Return an evolution in steps of many children if the problem has an array form, otherwise one at a time.

    What a guide chooses is made one at a time.
    """
    if options.children == 1 or problem.guide is not None:
        return Evolution(problem, options)
    from zennas.searching.generations import Generations
    from zennas.searching.judging import Judge

    judge, size = Judge.of(problem), options.population_size
    if isinstance(judge, Judge):
        founders = min(FOUNDERS, size - 1)
        return Generations(problem, judge, size, options.children, founders, FOUNDING)
    return Evolution(problem, options)


register(
    Strategy(
        "evolution",
        "mutate random members of a population, drop the worst",
        "Lin et al., Zen-NAS, ICCV 2021, algorithm 2",
        EvolutionOptions,
        make,
        extensible=True,
        draws=True,
        moves=True,
    )
)
