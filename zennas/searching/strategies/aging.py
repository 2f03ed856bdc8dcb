"""Aging evolution: the best of a tournament has a child, and the oldest member dies, however good it is.

Source: Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019. The defaults, the
warm-up and the moves are those of Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021.

The pool begins with draws of the space, with replacement, where the space is a list of decisions; in open spaces, where
a draw hardly ever fits a budget, it begins with a structure within it and mutations of that. The best candidate so far
is kept when it has left the pool, but it has no more children. If candidates only have ranks among each other, there is
no best so far: the parent is the best of the tournament's own ranks, and the result that of the last pool, as in the
code of TEG-NAS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from PlainNet import Structure
from zennas.common.errors import WrongSettingError
from zennas.common.limits import check_kind, check_whole
from zennas.common.settings import check, setting
from zennas.runs.candidate import Candidate
from zennas.searching.guides.draws import check_warm_up
from zennas.searching.population import PopulationSearch
from zennas.searching.strategies.base import Problem, Strategy, register
from zennas.searching.strategies.evolution import FOUNDING


@dataclass(frozen=True)
class AgingOptions:
    """Options of aging evolution."""

    pool: int = setting(64, "Number of members of the pool, as in Abdelfattah et al. (Real et al.: 100).", least=2)
    tournament: int = setting(
        10, "Members that are drawn; the best is the parent. As in Abdelfattah et al. (Real et al.: 25).", least=1
    )

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
        if self.tournament > self.pool:
            raise WrongSettingError(
                f"tournament is {self.tournament}, expected at most the pool of {self.pool}, from which it is drawn"
            )


class Aging(PopulationSearch):
    """The population is the pool, the oldest first. If the best so far has left the pool, it comes before the pool."""

    def __init__(self, problem: Problem, options: AgingOptions) -> None:
        super().__init__(problem)
        self._size, self._tournament = options.pool, options.tournament
        check_warm_up(problem)
        self._full = False
        self._outside = 0  # 1 if the first of the population is no longer in the pool

    @property
    def begins_with_draws(self) -> bool:
        return self.draws_of_space

    def propose(self) -> tuple[Structure, int | None]:
        members = len(self.population) - self._outside
        if not members or (not self._full and members + self.admission.out < self._size):
            return self._founder(members)
        self.draws.close()
        drawn = self.rng.sample(range(self._outside, len(self.population)), min(self._tournament, members))
        values = self.objective.values([self.population[i] for i in drawn])
        parent = self.population[drawn[max(range(len(drawn)), key=values.__getitem__)]]
        return self.moves.child(self.space, parent.structure, self.rng), parent.id

    def _founder(self, members: int) -> tuple[Structure, int | None]:
        if self.draws_of_space:
            return self.draws.next(self.rng), None
        admission = self.admission
        if not members or admission.tried - admission.rejected["start"] < FOUNDING:
            return self.space.mutate(self.first, self.rng), 1
        parent = self.population[self.rng.randrange(self._outside, len(self.population))]
        return self.space.mutate(parent.structure, self.rng, changes=2), parent.id

    def receive(self, candidate: Candidate) -> None:
        self.keep(candidate)
        if len(self.population) - self._outside <= self._size:
            self._full = len(self.population) - self._outside == self._size
            return
        if self.objective.relative:
            self.drop(0, "age")
            return
        values = self.objective.values(self.population)
        best = max(range(len(values)), key=lambda i: (values[i], -self.population[i].id))
        oldest = self._outside
        if best > oldest:  # the best is in the pool, so nobody else is kept outside of it
            self.drop(oldest, "age")
            if self._outside:
                self.drop(0, "age")
            self._outside = 0
        elif best == oldest:
            if self._outside:
                self.drop(0, "age")
            self._outside = 1
        else:
            self.drop(oldest, "age")

    def state(self) -> dict[str, Any]:
        return {**super().state(), "full": self._full, "outside": self._outside}

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        super().restore(state, candidates)
        check_kind("full", state["full"], bool, ValueError)
        check_whole("outside", state["outside"], ValueError, least=0, most=1)
        self._full, self._outside = state["full"], state["outside"]


register(
    Strategy(
        "aging",
        "the best of a tournament has a child, the oldest of the pool leaves (regularised evolution)",
        "Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019",
        AgingOptions,
        Aging,
        extensible=True,
        draws=True,
        moves=True,
        repeats=True,
    )
)
