"""Fronts: what a user asks for as settings of a search, and the points that come out.

A front is a search with the strategy `front`. Its points are the best of each cell, without those that a cheaper one
equals or beats.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from zennas.budget.budgets import PREDICTOR, Budget, LatencyLimit
from zennas.budget.sources import settled_limit
from zennas.common.errors import WrongSettingError
from zennas.common.numbers import parse_count
from zennas.runs.candidate import Candidate
from zennas.searching.grid import COUNTS, LATENCY, Grid
from zennas.searching.objectives.base import Objective
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.front import NAME, FrontOptions

FACT = "front"
"""The fact with the numbers of the candidates that are the points, cheapest first."""
PER_POINT = 250_000
"""Structures that are tried for each point, unless the settings say how many."""
_TIME = re.compile(r"([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*(s|ms|us|µs)", re.IGNORECASE)
_UNITS = {"s": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3}


@dataclass(frozen=True)
class Points:
    """The points of a front, cheapest first; each is better than all before it."""

    grid: Grid
    points: tuple[Candidate, ...]

    def to_json(self, run: str, measure: str | None) -> list[dict[str, Any]]:
        """Return the points as JSON. run: the folder. measure: the name of the score; None for the first measure."""
        return [self._point(f"{run}@{i}", one, measure) for i, one in enumerate(self.points, start=1)]

    def _point(self, name: str, one: Candidate, measure: str | None) -> dict[str, Any]:
        source = self.grid.source or next(iter(one.latency), None)
        return {
            "network": name,
            "structure": str(one.structure),
            "params": one.cost.params,
            "flops": one.cost.flops,
            "activations": one.cost.activations,
            "layers": one.cost.layers,
            "latency_ms": None if source is None else one.latency[source].ms,
            "score": score_of(one, measure),
            "limit": self.grid.limits[self.grid.cell(one)],
        }


def score_of(point: Candidate, measure: str | None) -> float | None:
    """Return a point's score by the name of its measure, otherwise its first; None for a rank that is not stored."""
    if measure is not None:
        return point.measures[measure].value if measure in point.measures else None
    return next((found.value for found in point.measures.values()), None)


def grid_of(settings: SearchSettings) -> Grid | None:
    """Return the grid of a front; None for another search. settings: complete ones."""
    return FrontOptions(**settings.strategy_options).grid if settings.strategy == NAME else None


def points_of(grid: Grid, objective: Objective, kept: Sequence[Candidate]) -> list[Candidate]:
    """Return the best of each cell whose value is higher than those of all cheaper ones, cheapest first."""
    cells: dict[int, list[Candidate]] = {}
    for candidate in kept:
        cells.setdefault(grid.cell(candidate), []).append(candidate)
    best = [_best(grid, objective, cells[number]) for number in sorted(cells)]
    found: list[Candidate] = []
    highest = -float("inf")
    for candidate, value in zip(best, objective.values(best) if best else (), strict=True):
        if value > highest:
            found.append(candidate)
            highest = value
    return found


def _best(grid: Grid, objective: Objective, members: Sequence[Candidate]) -> Candidate:
    """The member with the highest value, the cheapest of equal ones."""
    values = objective.values(members)
    pairs = zip(values, members, strict=True)
    return min(pairs, key=lambda pair: (-pair[0], grid.value(pair[1]), pair[1].id))[1]


def front_settings(
    settings: SearchSettings,
    over: str,
    between: str | tuple[float, float],
    points: int | None = None,
    members: int | None = None,
    iterations: int | None = None,
) -> SearchSettings:
    """Return the settings of a front.

    settings: those of a search; their budget holds for all points.
    over: the cost, a name in `COUNTS`, or `latency:` and a profile or back end.
    between: the limits of the first and the last point, as text like "0.1ms:1.2ms" or "100k:1M", or as numbers
        (milliseconds per image for latencies).
    points, members: options of the strategy; None for their defaults. iterations: None for `PER_POINT` each.

    Raises WrongSettingError if a value is not valid or the budget limits the same cost, and what `settled_limit`
    raises for a latency.
    """
    low, high = _ends(over, between)
    budget = settings.budget
    if over.startswith(LATENCY):
        limit = settled_limit(LatencyLimit(high, _source(over.removeprefix(LATENCY)), None))
        if any(settled_limit(one).source == limit.source for one in budget.latency):
            raise WrongSettingError(f"the front is over {over}, which has a budget, too: leave the budget out")
        over, budget = f"{LATENCY}{limit.source}", replace(budget, latency=(*budget.latency, limit))
    elif over in COUNTS:
        budget = _with_count(budget, over, high)
    chosen = {"over": over, "low": low, "high": high, "points": points, "members": members}
    options: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    grid = FrontOptions(**options).grid  # raises if a value is not valid
    return replace(
        settings,
        budget=budget,
        strategy=NAME,
        strategy_options={**settings.strategy_options, **options},
        iterations=PER_POINT * len(grid.limits) if iterations is None else iterations,
        confirmation="none",
        report=(),
    )


def _with_count(budget: Budget, over: str, high: float) -> Budget:
    """The budget with the end of a range of counts, except of activations, which no budget limits."""
    if over == "activations":
        return budget
    if getattr(budget, over) is not None:
        raise WrongSettingError(f"the front is over {over}, which has a budget, too: leave out --budget-{over}")
    return replace(budget, params=int(high)) if over == "params" else replace(budget, flops=int(high))


def _source(name: str) -> str:
    """The source of a latency limit: a profile that predicts, unless a back end is named."""
    from latency.base import BACKENDS

    if name.startswith(PREDICTOR) or name.partition(":")[0] in BACKENDS:
        return name
    return f"{PREDICTOR}{name}"


def _ends(over: str, between: str | tuple[float, float]) -> tuple[float, float]:
    """The two ends of a range. Raises WrongSettingError."""
    example = "0.1ms:1.2ms" if over.startswith(LATENCY) else "100k:1M"
    if not isinstance(between, str):
        low, high = map(float, between)
        return low, high
    parts = between.split(":")
    if len(parts) != 2:
        raise WrongSettingError(f"the range is {between!r}, expected two limits like {example}")
    low, high = (_amount(over, part, example) for part in parts)
    return low, high


def _amount(over: str, text: str, example: str) -> float:
    if not over.startswith(LATENCY):
        try:
            return float(parse_count(text))
        except ValueError as error:
            raise WrongSettingError(f"the range: {error}; expected one like {example}") from None
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise WrongSettingError(f"the range has {text!r}, expected times with a unit (s, ms or us), like {example}")
    return float(f"{float(found[1]) * _UNITS[found[2].lower()]:.12g}")
