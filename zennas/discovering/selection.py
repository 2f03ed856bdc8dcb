"""Which programs become parents: winners of tournaments by fitness, or NSGA-II by fitness and cost; by DEAP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np

from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.costs import cost_of
from zennas.discovering.grammar import deap
from zennas.searching.fronts.dominance import fronts
from ZeroShotProxy.programs.sequential import Sequential
from ZeroShotProxy.programs.tree import Tree, size

T = TypeVar("T")
Genome: TypeAlias = "Tree | Sequential"
"""A program in the form in which it evolves."""


@dataclass(frozen=True)
class Entrant:
    """A program that wants to be a parent. tree: of the program. value: its fitness."""

    program: Genome
    tree: Tree
    value: float


def parents(
    entrants: Sequence[Entrant], settings: EvolutionSettings, costs: Mapping[str, float] | None
) -> list[Genome]:
    """Return the parents. costs: of operations, with which NSGA-II chooses; None for tournaments.

    Tournaments give a parent as often as it wins. NSGA-II gives each at most once, and all if they are too few. Call it
    within `grammar.drawing`.
    """
    if costs is not None:
        chosen = by_front(entrants, settings.mu, lambda one: (one.value, cost_of(one.tree, costs)))
        return [one.program for one in chosen]
    runners = [_Runner(one.program, _rank(one, settings.parsimony)) for one in entrants]
    won = deap("tools").selTournament(runners, settings.mu, tournsize=settings.tournament, fit_attr="rank")
    return [runner.program for runner in won]


def by_front(items: Sequence[T], count: int, goals: Callable[[T], tuple[float, float]]) -> list[T]:
    """Return the items that DEAP's NSGA-II selects, `count` at most.

    goals: the number of an item that should be high, and the one that should be low.
    """
    base = deap("base")
    kind = type("TauAndCost", (base.Fitness,), {"weights": (1.0, -1.0)})
    ranked = [_Ranked(item, kind(goals(item))) for item in items]
    return [one.item for one in deap("tools").selNSGA2(ranked, count)]


def front_of(items: Sequence[T], goals: Callable[[T], tuple[float, float]]) -> list[T]:
    """Return the items of which none is better than another in both goals, from the lowest cost to the highest.

    goals: as for `by_front`. Of equal ones, the first is there.
    """
    different = {goals(item): item for item in reversed(items)}
    vectors = np.array([(high, -low) for high, low in different]).reshape(-1, 2)
    first = [item for item, number in zip(different.values(), fronts(vectors), strict=True) if number == 0]
    return sorted(first, key=lambda one: goals(one)[1])


@dataclass(frozen=True)
class _Runner:
    """A program in a tournament. rank: what is compared."""

    program: Genome
    rank: tuple[float, ...]


@dataclass(eq=False)
class _Ranked:
    """An item as DEAP wants it, which writes crowding distances into the fitness."""

    item: Any
    fitness: Any


def _rank(one: Entrant, parsimony: float | None) -> tuple[float, ...]:
    if parsimony is None:
        return (one.value,)
    nodes = size(one.tree)
    return (one.value - parsimony * nodes, -nodes)
