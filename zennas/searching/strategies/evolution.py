"""Evolution as in Zen-NAS: mutate a random member of the population, drop the worst.

Differences from Zen-NAS: the structure that the search starts from is a member itself and need not fit the budget (the
search mutates it until it does), and a structure that has been a member is not scored again. Latencies are determined
last, only for new structures that meet the other limits.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from PlainNet import Structure
from PlainNet.grammar import read
from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting
from zennas.runs.candidate import Candidate
from zennas.searching.admission import Admission, generator_state, restore_generator
from zennas.searching.strategies.base import Problem, Progress, Strategy, register

FOUNDERS = 10
"""This many candidates are mutations of the first structure; later ones are mutations of any member. Smaller
populations evolve as soon as they are full."""


@dataclass(frozen=True)
class EvolutionOptions:
    """Options of evolution."""

    population_size: int = setting(512, "Number of candidates to keep.", least=2)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


class Evolution:
    """A steady-state population. All random choices come from one seeded generator.

    If the objective gives each candidate a value of its own, the population is a heap; if it ranks candidates, each new
    candidate is compared with all members.
    """

    def __init__(self, problem: Problem, options: EvolutionOptions) -> None:
        self._space = problem.space
        self._objective = problem.objective
        self._size = options.population_size
        self._founders = min(FOUNDERS, self._size - 1)
        self._rng = Random(problem.seed)
        self._admission = Admission(problem)
        self._first: Structure | None = None
        self._population: list[Candidate] = []
        self._worst: list[tuple[float, int, int]] = []  # a heap of (value, id, position in the population)
        self._changes: list[Candidate] = []

    @property
    def done(self) -> bool:
        return self._admission.done

    @property
    def kept(self) -> Sequence[Candidate]:
        return self._population

    @property
    def pending(self) -> Sequence[Candidate]:
        return self._admission.pending

    def progress(self) -> Progress:
        admission = self._admission
        return Progress(admission.tried, admission.scored, len(self._population), admission.rejected)

    def ask(self, n: int) -> list[Candidate]:
        if self._first is None:
            first = self._admission.first(self._rng)
            self._first = first.structure
            return [first]
        asked: list[Candidate] = []
        refused = 0
        admission, child_of = self._admission, self._child
        while len(asked) < n and not admission.done and refused < admission.patience:
            child = admission.admit(*child_of(self._first))
            if child is None:
                refused += 1
            else:
                asked.append(child)
        return asked

    def _child(self, first: Structure) -> tuple[Structure, int]:
        """A mutated structure, and the id of the candidate that it comes from."""
        rng, population = self._rng, self._population
        # Pending candidates count: a small space could run out of mutations of the first structure before they return.
        members = len(population)
        if not members or (members <= self._founders and members + self._admission.out <= self._founders):
            return self._space.mutate(first, rng), 1
        parent = population[int(rng.random() * members)]
        return self._space.mutate(parent.structure, rng, changes=2), parent.id

    def tell(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            if not self._admission.returned(candidate):
                self._admission.forget(candidate)
                self._changes.append(candidate.with_status("failed"))
            elif not (self._ranked_in(candidate) if self._objective.relative else self._valued_in(candidate)):
                self._admission.forget(candidate)
                self._admission.rejected["score"] += 1

    def _valued_in(self, candidate: Candidate) -> bool:
        """Make a candidate a member if the population has room for it, or contains a member with a lower value."""
        (value,) = self._objective.values((candidate,))
        if len(self._population) < self._size:
            heapq.heappush(self._worst, (value, candidate.id, len(self._population)))
            self._enter(candidate, None)
            return True
        if not value > self._worst[0][0]:
            return False
        _, _, position = self._worst[0]
        heapq.heapreplace(self._worst, (value, candidate.id, position))
        self._enter(candidate, position)
        return True

    def _ranked_in(self, candidate: Candidate) -> bool:
        """Make a candidate a member if the population has room for it, or contains a member with a lower rank."""
        if len(self._population) < self._size:
            self._enter(candidate, None)
            return True
        *values, new = self._objective.values((*self._population, candidate))
        worst = min(range(self._size), key=lambda i: (values[i], self._population[i].id))
        if not new > values[worst]:
            return False
        self._enter(candidate, worst)
        return True

    def _enter(self, candidate: Candidate, position: int | None) -> None:
        member = candidate.with_status("member")
        if position is None:
            self._population.append(member)
        else:
            self._changes.append(self._population[position].with_status("dropped"))
            self._population[position] = member
        self._changes.append(member)

    def take_changes(self) -> list[Candidate]:
        changes, self._changes = self._changes, []
        return changes

    def state(self) -> dict[str, Any]:
        return {
            **self._admission.state(),
            "rng": generator_state(self._rng),
            "first": None if self._first is None else str(self._first),
            "population": [candidate.id for candidate in self._population],
        }

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        restore_generator(self._rng, state["rng"])
        self._first = None if state["first"] is None else read(state["first"])
        members = {candidate.id: candidate for candidate in candidates if candidate.status != "failed"}
        self._admission.restore(state, (candidate.structure for candidate in members.values()))
        self._population = [members[i] for i in state["population"]]
        self._worst = []
        if not self._objective.relative and self._population:
            values = self._objective.values(self._population)
            self._worst = [(v, c.id, i) for i, (v, c) in enumerate(zip(values, self._population, strict=True))]
            heapq.heapify(self._worst)
        self._changes = []


register(
    Strategy(
        "evolution",
        "mutate random members of a population, drop the worst",
        "Lin et al., Zen-NAS, ICCV 2021, algorithm 2",
        EvolutionOptions,
        Evolution,
    )
)
