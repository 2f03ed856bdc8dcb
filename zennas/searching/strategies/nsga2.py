"""NSGA-II, for several goals: the strategy's options; the algorithm is in `searching/fronts/nsga2.py`."""

from __future__ import annotations

from dataclasses import dataclass

from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting
from zennas.searching.fronts.goals import STRATEGY
from zennas.searching.strategies.base import Problem, Search, Strategy, register


@dataclass(frozen=True)
class Nsga2Options:
    """Options of NSGA-II."""

    population_size: int = setting(
        64, "Number of candidates that survive a generation, and of children in it.", least=4
    )
    crossover: float = setting(0.9, "Share of children of two parents, in spaces of decisions.", least=0, most=1)
    mutation: float = setting(0.5, "Share of the children of two parents that are mutated, too.", least=0, most=1)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


def make(problem: Problem, options: Nsga2Options) -> Search:
    """Return the search for a problem."""
    from zennas.searching.fronts.nsga2 import Nsga2  # imports numpy

    return Nsga2(problem, options.population_size, options.crossover, options.mutation)


register(
    Strategy(
        STRATEGY,
        "generations that keep what is not dominated in several goals",
        "Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, 2002",
        Nsga2Options,
        make,
        extensible=True,
        draws=True,
        moves=True,
    )
)
