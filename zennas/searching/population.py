"""The base of strategies that propose one structure at a time and keep some of the candidates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from PlainNet import Structure
from PlainNet.grammar import read
from SearchSpace import DecisionSpace
from zennas.runs.candidate import Candidate
from zennas.searching.admission import Admission, generator_state, restore_generator
from zennas.searching.guides.draws import Draws
from zennas.searching.guides.moves import Moves
from zennas.searching.start import within_budget
from zennas.searching.strategies.base import Problem, Progress


class PopulationSearch(ABC):
    """A search that keeps a population. A strategy adds `propose` and `receive`; the rest of `Search` is here.

    first: the structure of the first candidate, which is within the budget; not there if `begins_with_draws`.
    draws_of_space: whether structures that are drawn from the space can be the beginning: it is a list of decisions,
        and the user has named no other beginning.
    draws, moves: what a guide chooses: the beginning and children. Without a guide, they are draws and mutations.
    population: the kept candidates. Change it only by `keep` and `drop`, which also record the change for the store.
    rng: the generator of all random choices; it is part of the state.
    """

    first: Structure

    def __init__(self, problem: Problem) -> None:
        self.space, self.objective = problem.space, problem.objective
        self.draws_of_space = isinstance(problem.space, DecisionSpace) and problem.initial is None
        self._problem = problem
        self.rng = Random(problem.seed)
        self.admission = Admission(problem)
        self.draws = Draws(problem.space, problem.guide)
        self.moves = Moves(problem.guide, self.admission.fits if problem.budget else None)
        self.population: list[Candidate] = []
        self._begun = False
        self._changes: list[Candidate] = []

    # -- what a strategy decides -------------------------------------------------------------

    @property
    def begins_with_draws(self) -> bool:
        """Whether the first candidate is proposed like the others, and not the first structure within the budget."""
        return False

    @abstractmethod
    def propose(self) -> tuple[Structure, int | None] | None:
        """Return a structure to try, within the budget or not, and the id of the candidate that it was made from.

        None if there is nothing to try before more results are known.
        """

    @abstractmethod
    def receive(self, candidate: Candidate) -> None:
        """Decide about a scored candidate: call `keep` or `reject`."""

    def keep(self, candidate: Candidate, position: int | None = None) -> None:
        """Add a candidate to the population, or put it in the place of the member at `position`."""
        member = candidate.with_status("member")
        if position is None:
            self.population.append(member)
        else:
            self._changes.append(self.population[position].with_status("dropped"))
            self.population[position] = member
        self._changes.append(member)

    def drop(self, position: int, reason: str = "score") -> None:
        """Remove the member at `position`, and count the reason."""
        self._changes.append(self.population.pop(position).with_status("dropped"))
        self.admission.rejected[reason] += 1

    def reject(self, candidate: Candidate) -> None:
        """Do not keep a candidate because of its score. Its structure can be proposed again."""
        self.admission.forget(candidate)
        self.admission.rejected["score"] += 1

    # -- the methods of `Search` -------------------------------------------------------------

    @property
    def done(self) -> bool:
        return self.admission.done

    @property
    def kept(self) -> Sequence[Candidate]:
        return self.population

    @property
    def pending(self) -> Sequence[Candidate]:
        return self.admission.pending

    def progress(self) -> Progress:
        admission = self.admission
        ranked = self.draws.ranked + self.moves.ranked
        return Progress(admission.tried, admission.scored, len(self.population), admission.rejected, ranked)

    def ask(self, n: int) -> list[Candidate]:
        admission = self.admission
        if not self._begun and self.begins_with_draws:
            if not admission.tried:
                self._refuse_impossible()
        elif not self._begun:
            first = admission.first(self.rng)
            self.first, self._begun = first.structure, True
            return [first]
        return admission.admitted(n, self.propose)

    def _refuse_impossible(self) -> None:
        """Raise BudgetError if nothing in the space fits the budget, which draws alone would never find out."""
        problem = self._problem
        if problem.budget:
            within_budget(
                problem.space,
                problem.model,
                problem.budget,
                Random(problem.seed),
                problem.meters,
                problem.rules,
                problem.watch,
            )

    def tell(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            if self.admission.returned(candidate):
                self.receive(candidate)
            else:
                self._changes.append(candidate.with_status("failed"))

    def take_changes(self) -> list[Candidate]:
        changes, self._changes = self._changes, []
        return changes

    def state(self) -> dict[str, Any]:
        """Return the state as JSON. A strategy with a state of its own extends this method and `restore`."""
        guided = {"draws": self.draws.state(), "moves_ranked": self.moves.ranked} if self._problem.guide else {}
        return {
            **self.admission.state(),
            "rng": generator_state(self.rng),
            "first": str(self.first) if self._begun else None,
            "population": [candidate.id for candidate in self.population],
            **guided,
        }

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        known = {candidate.id: candidate for candidate in candidates}
        restore_generator(self.rng, state["rng"])
        self._begun = state["first"] is not None
        if self._begun:
            self.first = read(state["first"])
        self.admission.restore(state, (candidate.structure for candidate in known.values()))
        self.population = [known[i] for i in state["population"]]
        if self._problem.guide:
            self.draws.restore(state["draws"])
            self.moves.restore(state.get("moves_ranked", 0))  # runs of before there were moves for all have none
        self._changes = []
