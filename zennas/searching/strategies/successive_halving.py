"""Successive halving: train many networks briefly, and the best of them again for longer, until one is left.

Source: Jamieson & Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization, AISTATS 2016. Li
et al., Hyperband, JMLR 2018, calls such a course of rungs a bracket; the defaults are those of its first bracket.

Each rung trains its networks from the beginning, because the learning rate falls over all epochs of a training. All of
a rung have finished before the next one begins. After the last rung, another bracket begins with new draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Any

from PlainNet import Structure
from zennas.common.errors import WrongSettingError
from zennas.common.limits import check_whole
from zennas.common.settings import check, setting
from zennas.runs.candidate import Candidate
from zennas.searching.guides.draws import check_warm_up
from zennas.searching.objectives.base import TrainingObjective, best_first
from zennas.searching.population import PopulationSearch
from zennas.searching.strategies.base import Problem, Strategy, register


@dataclass(frozen=True)
class HalvingOptions:
    """Options of successive halving."""

    eta: int = setting(
        3, "One network in so many goes on, and is trained so many times as long. As in Hyperband.", least=2
    )
    least_epochs: int = setting(1, "Epochs of the first rung, at least.", least=1)
    networks: int | None = setting(
        None, "Networks of the first rung.", least=2, shown="as many as leave one for the last rung, as in Hyperband"
    )

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


@dataclass(frozen=True)
class Rung:
    """How many networks are trained together, and for how many epochs each."""

    networks: int
    epochs: int


def rungs_of(options: HalvingOptions, epochs: int) -> tuple[Rung, ...]:
    """Return the rungs of a bracket, whose last one trains for `epochs` epochs. Raises WrongSettingError."""
    if epochs < options.least_epochs:
        raise WrongSettingError(
            f"least_epochs is {options.least_epochs}, expected at most the {epochs} epochs of a training"
        )
    last = 0
    while epochs // options.eta ** (last + 1) >= options.least_epochs:
        last += 1
    first = options.networks or max(2, options.eta**last)
    found = [Rung(max(1, first // options.eta**i), epochs // options.eta ** (last - i)) for i in range(last + 1)]
    if not last:
        raise WrongSettingError(
            f"a training of {epochs:,} {'epoch' if epochs == 1 else 'epochs'} cannot be shortened {options.eta} times "
            f"to {options.least_epochs} or more: use more --epochs, or another strategy"
        )
    return tuple(found)


class SuccessiveHalving(PopulationSearch):
    """The population is the networks that were trained to the end, those of the present rung, and those that go on.

    A network of a later rung is a new candidate, whose parent is the one with the same structure in the rung before.
    """

    def __init__(self, problem: Problem, options: HalvingOptions) -> None:
        super().__init__(problem)
        objective = problem.objective
        if not isinstance(objective, TrainingObjective):
            raise WrongSettingError(
                f"successive_halving shortens trainings, but the objective {objective.name} trains nothing: use "
                "--objective train, or another strategy"
            )
        self.rungs = rungs_of(options, objective.epochs)
        check_warm_up(problem)
        self._begin(0)

    def _begin(self, rung: int, going_on: Sequence[int] = ()) -> None:
        """Begin a rung. going_on: the ids of the networks that it trains again."""
        self._rung, self._going_on = rung, list(going_on)
        self._asked, self._scored = 0, list[int]()
        self.admission.epochs = self.rungs[rung].epochs

    @property
    def begins_with_draws(self) -> bool:
        return self.draws_of_space

    def ask(self, n: int) -> list[Candidate]:
        if self._rung:
            found = self._again(n)
        else:
            left = self.rungs[0].networks - self._asked
            found = super().ask(min(n, left)) if left else []
        self._asked += len(found)
        return found

    def _again(self, n: int) -> list[Candidate]:
        known = {one.id: one for one in self.population}
        found: list[Candidate] = []
        while self._going_on and len(found) < n and not self.admission.done:
            found.append(self.admission.again(known[self._going_on.pop(0)]))
        return found

    def propose(self) -> tuple[Structure, int | None]:
        if self.draws_of_space:
            return self.draws.next(self.rng, self.moves), None
        scored = [one for one in self.population if one.id in self._scored]  # in open spaces, draws fit no budget
        parent = self.rng.choice(scored) if scored else None
        start = self.first if parent is None else parent.structure
        return self.moves.child(self.space, start, self.rng, changes=2), None if parent is None else parent.id

    def receive(self, candidate: Candidate) -> None:
        self._scored.append(candidate.id)
        self.keep(candidate)

    def tell(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            super().tell((candidate,))
            if self._rung:  # the shorter training of the same network has served its purpose
                self._drop({candidate.parent}, "trained longer")
            self._end_rung()

    def _end_rung(self) -> None:
        """Begin the next rung if this one has finished."""
        wanted = 0 if self._rung else self.rungs[0].networks - self._asked
        if wanted or self._going_on or self.admission.out:
            return
        ranked = best_first(self.objective, [one for one in self.population if one.id in self._scored])
        if not ranked or self._rung + 1 == len(self.rungs):
            self._begin(0)
            return
        going_on = [one.id for one in ranked[: self.rungs[self._rung + 1].networks]]
        self._drop(set(self._scored) - set(going_on), "score")
        self._begin(self._rung + 1, going_on)

    def _drop(self, ids: Set[int | None], reason: str) -> None:
        for position in reversed(range(len(self.population))):
            if self.population[position].id in ids:
                self.drop(position, reason)

    def state(self) -> dict[str, Any]:
        rung = {
            "number": self._rung,
            "asked": self._asked,
            "scored": list(self._scored),
            "going_on": list(self._going_on),
        }
        return {**super().state(), "rung": rung}

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        super().restore(state, candidates)
        rung = state["rung"]
        check_whole("rung", rung["number"], ValueError, least=0, most=len(self.rungs) - 1)
        check_whole("asked", rung["asked"], ValueError, least=0)
        self._begin(rung["number"], rung["going_on"])
        self._asked, self._scored = rung["asked"], list(rung["scored"])


register(
    Strategy(
        "successive_halving",
        "train many networks briefly, the best of them again for longer, and so on",
        "Jamieson & Talwalkar, AISTATS 2016; Li et al., Hyperband, JMLR 2018",
        HalvingOptions,
        SuccessiveHalving,
        extensible=True,
        draws=True,
        moves=True,
    )
)
