"""Searches of NAS-Bench-201 in memory, by the worth of the tests' tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PlainNet import Structure
from PlainNet.cost import CostModel
from SearchSpace import load_space
from SearchSpace.nasbench201 import cell_of
from tests.zennas.table_files import worth
from zennas.budget.budgets import Budget
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.guides.guide import Guide
from zennas.searching.strategies.base import STRATEGIES, Problem, Search, options_of

MODEL = CostModel(32, 10)


class Worth:
    """The objective of the tests' tables."""

    name, torch, relative = "worth", False, False
    measures: tuple[str, ...] = ("worth",)

    def measure(self, candidate: Candidate) -> dict[str, Measure]:
        return {"worth": Measure(worth(cell_of(candidate.structure)))}

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        return [candidate.measures["worth"].value for candidate in candidates]


class Edges(Worth):
    """An objective without indicators: ranks by the number of 3×3 convolutions."""

    relative = True

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        counts = [cell_of(candidate.structure).edges.count(3) for candidate in candidates]
        return [float(sum(other < count for other in counts)) for count in counts]


def by_worth(structures: Sequence[Structure]) -> list[float]:
    return [worth(cell_of(one)) for one in structures]


def begin(
    name: str,
    evaluations: int,
    objective: Any = None,
    *,
    budget: Budget = Budget(),
    guide: Guide | None = None,
    repeats: bool = True,
    seed: int = 0,
    iterations: int = 100_000,
    initial: Structure | None = None,
    **options: Any,
) -> Any:
    """Return a search of NAS-Bench-201 by the named strategy."""
    space = load_space("nasbench201", initial)
    chosen = Worth() if objective is None else objective
    problem = Problem(
        space, MODEL, budget, (), chosen, iterations, seed, evaluations, repeats, guide=guide, initial=initial
    )
    strategy = STRATEGIES.get(name)
    return strategy.make(problem, options_of(strategy, options))


def answer(search: Search, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Tell a search the results of candidates, and return them with these."""
    told = [one.evaluated(Worth().measure(one)) for one in candidates]
    search.tell(told)
    return told


def run(search: Search) -> list[Candidate]:
    """Run a search to its end, and return its candidates with their measures."""
    seen: list[Candidate] = []
    while not search.done:
        seen += answer(search, search.ask(1))
    return seen
