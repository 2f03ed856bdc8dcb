"""A front: evolution that keeps the best of each cell of a grid along one or two costs: one search for all budgets.

Parents are drawn from all cells: what is found at one budget helps at its neighbours. The structures of the space are
those of `evolution`, and so are the steps of many children where a problem has array forms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from PlainNet import Structure
from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting
from zennas.named.settings import NetworkSettings
from zennas.runs.candidate import Candidate
from zennas.searching.fronts.grid import COUNTS, LATENCY, Axis, Grid
from zennas.searching.guides.draws import check_warm_up
from zennas.searching.population import PopulationSearch
from zennas.searching.strategies.base import Problem, Search, Strategy, register
from zennas.searching.strategies.evolution import FOUNDERS, FOUNDING, EvolutionOptions

NAME = "front"
MOST_POINTS = 1000
MOST_COSTS = 2


@dataclass(frozen=True)
class FrontOptions:
    """Options of a front. low, high: the limits of the first and the last cell, in milliseconds for latencies."""

    over: str = setting(
        "params", "The cost: params, flops, activations, ram, flash, or latency: and the source of a budget."
    )
    low: float = setting(1e5, "Limit of the first point.", above=0)
    high: float = setting(1e6, "Limit of the last point.", above=0)
    points: int = setting(
        20, "Number of steps along the cost, of which each can give a point.", least=2, most=MOST_POINTS
    )
    second_over: str | None = setting(None, "A second cost, whose steps divide those of the first.")
    second_low: float = setting(1e5, "Limit of its first step.", above=0)
    second_high: float = setting(1e6, "Limit of its last step.", above=0)
    second_points: int = setting(8, "Number of its steps.", least=2, most=MOST_POINTS)
    members: int = setting(128, "Number of candidates to keep in each cell.", least=1)
    children: int = setting(EvolutionOptions.children, "As in evolution.", least=1)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)
        for over, low, high, _ in self._costs:
            if over not in COUNTS and over.removeprefix(LATENCY) in (over, ""):
                raise WrongSettingError(f"over is {over!r}, expected {', '.join(COUNTS)} or {LATENCY}SOURCE")
            if not low < high < math.inf:
                raise WrongSettingError(
                    f"the range of {over} goes from {low:g} to {high:g}, expected the lower limit first"
                )
        if self.second_over == self.over:
            raise WrongSettingError(f"the front is over {self.over} twice, expected two different costs")
        if self.second_over is not None and self.points * self.second_points > MOST_POINTS:
            raise WrongSettingError(
                f"points is {self.points}x{self.second_points}, expected at most {MOST_POINTS:,} cells in all"
            )

    @property
    def _costs(self) -> list[tuple[str, float, float, int]]:
        first = (self.over, self.low, self.high, self.points)
        if self.second_over is None:
            return [first]
        return [first, (self.second_over, self.second_low, self.second_high, self.second_points)]

    def grid(self, network: NetworkSettings) -> Grid:
        """Return the cells. network: the settings of the networks, which memories depend on."""
        return Grid(tuple(Axis.between(*cost, network) for cost in self._costs))


class Front(PopulationSearch):
    """Evolution one at a time, with the best `members` of each cell."""

    def __init__(self, problem: Problem, options: FrontOptions) -> None:
        super().__init__(problem)
        check_warm_up(problem)
        self._grid, self._size = options.grid(problem.network), options.members
        self._cells: list[list[int]] = [[] for _ in range(self._grid.count)]  # positions in the population

    @property
    def begins_with_draws(self) -> bool:
        return self.draws.warm

    def propose(self) -> tuple[Structure, int | None]:
        rng, population, admission = self.rng, self.population, self.admission
        if self.draws.warm:
            if not population or (self.draws.chosen and len(population) + admission.out < self._size):
                return self.draws.next(rng), None
            self.draws.close()
            return self._child()
        founding = len(population) + admission.out <= FOUNDERS
        if not population or (founding and admission.tried - admission.rejected["start"] < FOUNDING):
            return self.space.mutate(self.first, rng), 1
        return self._child()

    def _child(self) -> tuple[Structure, int]:
        parent = self.population[int(self.rng.random() * len(self.population))]
        return self.moves.child(self.space, parent.structure, self.rng, changes=2), parent.id

    def receive(self, candidate: Candidate) -> None:
        """Keep a candidate if its cell has room for it, or contains a member with a lower value."""
        if candidate.id == 1:
            self._grid.check(candidate)
        number = self._grid.cell(candidate)
        if number == len(self._cells):
            self.admission.forget(candidate)
            self.admission.rejected[self._grid.open] += 1
            return
        cell = self._cells[number]
        if len(cell) < self._size:
            cell.append(len(self.population))
            self.keep(candidate)
            return
        *values, new = self.objective.values([*(self.population[i] for i in cell), candidate])
        worst = min(range(len(cell)), key=lambda i: (values[i], self.population[cell[i]].id))
        if new > values[worst]:
            self.keep(candidate, cell[worst])
        else:
            self.reject(candidate)

    def restore(self, state: dict[str, Any], candidates: Iterable[Candidate]) -> None:
        super().restore(state, candidates)
        self._cells = [[] for _ in range(self._grid.count)]
        for position, member in enumerate(self.population):
            self._cells[self._grid.cell(member)].append(position)


def make(problem: Problem, options: FrontOptions) -> Search:
    """Return a front in steps of many children if the problem has an array form, otherwise one at a time.

    Raises WrongSettingError if the front is over a latency that the budget does not limit.
    """
    grid, known = options.grid(problem.network), [meter.limit.source for meter in problem.meters]
    for axis in grid.axes:
        if axis.source is not None and axis.source not in known:
            raise WrongSettingError(
                f"over is {axis.over}, but the budget limits {' and '.join(known) or 'no latency'}: use zennas front, "
                "which adds the limit"
            )
    if options.children > 1 and problem.guide is None:
        from zennas.searching.generations import Generations
        from zennas.searching.judging import Judge

        judge = Judge.of(problem)
        if isinstance(judge, Judge):
            size, children = options.members, options.children
            return Generations(problem, judge, size, children, FOUNDERS, FOUNDING, grid)
    return Front(problem, options)


register(
    Strategy(
        NAME,
        "evolve a grid of budgets at once, keep the best of each",
        "Mouret and Clune, Illuminating search spaces by mapping elites, 2015, along one or two costs",
        FrontOptions,
        make,
        extensible=True,
        draws=True,
        moves=True,
    )
)
