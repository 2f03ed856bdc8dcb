"""A strategy of a third party, in a file of its own: climb a hill, step by step."""

from dataclasses import dataclass

from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting
from zennas.searching.population import PopulationSearch
from zennas.searching.strategies.base import Strategy, register


@dataclass(frozen=True)
class Options:
    """Options of hill climbing."""

    changes: int = setting(2, "Mutations at a time.", least=1)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


class HillClimbing(PopulationSearch):
    """Mutates the best so far."""

    def __init__(self, problem, options):
        super().__init__(problem)
        self.changes = options.changes

    def propose(self):
        start, parent = (self.population[0].structure, self.population[0].id) if self.population else (self.first, 1)
        return self.space.mutate(start, self.rng, changes=self.changes), parent

    def receive(self, candidate):
        if not self.population:
            self.keep(candidate)
            return
        best, new = self.objective.values((*self.population, candidate))
        if new > best:
            self.keep(candidate, 0)
        else:
            self.reject(candidate)


register(Strategy("hill_climbing", "mutate the best so far", "an example", Options, HillClimbing))
