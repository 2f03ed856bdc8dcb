"""Random search: draw structures from the space and keep the best. The baseline for every other strategy.

In open spaces, where a draw hardly ever fits a budget, the first candidate is a structure within it.
"""

from __future__ import annotations

from dataclasses import dataclass

from PlainNet import Structure
from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting
from zennas.runs.candidate import Candidate
from zennas.searching.population import PopulationSearch
from zennas.searching.strategies.base import Problem, Strategy, register


@dataclass(frozen=True)
class RandomOptions:
    """Options of random search."""

    keep: int = setting(64, "Number of best candidates to keep.", least=1)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


class RandomSearch(PopulationSearch):
    """Draws structures one after the other; scores only decide which are kept."""

    def __init__(self, problem: Problem, options: RandomOptions) -> None:
        super().__init__(problem)
        self._size = options.keep

    @property
    def begins_with_draws(self) -> bool:
        return self.draws_of_space

    def propose(self) -> tuple[Structure, None]:
        return self.draws.next(self.rng, self.moves), None

    def receive(self, candidate: Candidate) -> None:
        self.keep(candidate)
        if len(self.population) > self._size:
            values = self.objective.values(self.population)
            self.drop(min(range(len(values)), key=lambda i: (values[i], -self.population[i].id)))


register(
    Strategy(
        "random",
        "draw structures from the space, keep the best",
        "the baseline of the field",
        RandomOptions,
        RandomSearch,
        extensible=True,
        draws=True,
        moves=True,
        repeats=True,
    )
)
