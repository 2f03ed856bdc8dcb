"""Fronts over costs: what a user asks for as settings of a search, and the points that come out.

A front is a search with the strategy `front`. Its points are the best of each cell, without those that another point
equals or beats which is cheaper, or costs as much: in both costs if there are two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from zennas.budget.budgets import PREDICTOR, Budget, LatencyLimit
from zennas.budget.memories import MEMORIES
from zennas.budget.sources import settled_limit
from zennas.common.errors import WrongSettingError
from zennas.common.numbers import counted, parse_count
from zennas.runs.candidate import Candidate
from zennas.searching.fronts.grid import COUNTS, LATENCY, Grid, memories_of
from zennas.searching.objectives.base import Objective, best_first
from zennas.searching.scoring import confirmer
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.front import MOST_COSTS, NAME, FrontOptions

FACT = "front"
"""The fact with the numbers of the candidates that are the points, in their order."""
PER_POINT = 250_000
"""Structures that are tried for each point over one cost, unless the settings say how many, and"""
PER_CELL = 60_000
"""for each cell over two, of which each keeps"""
MEMBERS = 32
"""networks: cells have more neighbours than over one cost, and fewer structures are tried for each."""
Range = str | tuple[float, float]
_TIME = re.compile(r"([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*(s|ms|us|µs)", re.IGNORECASE)
_UNITS = {"s": 1e3, "ms": 1.0, "us": 1e-3, "µs": 1e-3}


@dataclass(frozen=True)
class Points:
    """The points of a front over costs, in the order of their cells: the cheapest in the first cost come first.

    Over one cost, each is better than all before it.
    """

    grid: Grid
    points: tuple[Candidate, ...]

    def to_json(
        self,
        run: str,
        measure: str | None,
        memories: Callable[[Candidate], Mapping[str, int]],
        confirmed: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return the points as JSON.

        run: the folder. measure: the name of the score; None for the first measure. memories: those of a point that
        matter, in bytes. confirmed: the name of the confirmed score; None without one.
        """
        found = enumerate(self.points, start=1)
        return [self._point(f"{run}@{i}", one, measure, memories(one), confirmed) for i, one in found]

    def _point(
        self, name: str, one: Candidate, measure: str | None, memories: Mapping[str, int], confirmed: str | None
    ) -> dict[str, Any]:
        sources = [axis.source for axis in self.grid.axes if axis.source is not None] or list(one.latency)
        limits = self.grid.limits(self.grid.cell(one))
        by_cost = {axis.over: limit for axis, limit in zip(self.grid.axes, limits, strict=True)}
        return {
            "network": name,
            "structure": str(one.structure),
            **one.cost.to_json(),
            **memories,
            "latency_ms": one.latency[sources[0]].ms if sources else None,
            **({"latencies_ms": {name: one.latency[name].ms for name in sources}} if len(sources) > 1 else {}),
            "score": score_of(one, measure),
            **({} if confirmed is None else {"confirmed": one.measures[confirmed].to_json()}),
            **({"limit": limits[0]} if len(limits) == 1 else {"limits": by_cost}),
        }


def score_of(point: Candidate, measure: str | None) -> float | None:
    """Return a point's score by the name of its measure, otherwise its first; None for a rank that is not stored."""
    if measure is not None:
        return point.measures[measure].value if measure in point.measures else None
    return next((found.value for found in point.measures.values()), None)


def grid_of(settings: SearchSettings) -> Grid | None:
    """Return the grid of a front; None for another search. settings: complete ones."""
    return FrontOptions(**settings.strategy_options).grid(settings.network) if settings.strategy == NAME else None


def points_of(grid: Grid, objective: Objective, kept: Sequence[Candidate]) -> list[Candidate]:
    """Return the best of each cell that no other of them equals or beats at costs that are all at most as high.

    Points are in the order of their cells, so over one cost the cheapest comes first.
    """
    cells = _by_cell(grid, kept)
    best = [_best(grid, objective, cells[number]) for number in sorted(cells)]
    return undominated(grid, best, objective.values(best)) if best else []


def rivals_of(
    grid: Grid, objective: Objective, kept: Sequence[Candidate], points: Sequence[Candidate], most: int
) -> list[list[Candidate]]:
    """Return for each point the best `most` candidates of its cell, the point itself first."""
    cells, found = _by_cell(grid, kept), []
    for point in points:
        others = [one for one in best_first(objective, cells[grid.cell(point)]) if one.id != point.id]
        found.append([point, *others][:most])
    return found


def undominated(grid: Grid, candidates: Sequence[Candidate], values: Sequence[float]) -> list[Candidate]:
    """Return those candidates, in the order of their cells, that no other equals or beats at costs all at most as high.

    values: those of the candidates; higher is better.
    """
    ranked = sorted(zip(values, map(grid.values, candidates), candidates, strict=True), key=_best_first)
    found: list[tuple[tuple[float, ...], Candidate]] = []
    for _, costs, one in ranked:  # only those before it can be as good
        if not any(all(a <= b for a, b in zip(known, costs, strict=True)) for known, _ in found):
            found.append((costs, one))
    return sorted((one for _, one in found), key=grid.cell)


def chosen_point(grid: Grid, objective: Objective, points: Sequence[Candidate]) -> Candidate:
    """Return the best of the points, which is the last one over one cost."""
    return points[-1] if len(grid.axes) == 1 else best_first(objective, points)[0]


def _by_cell(grid: Grid, kept: Sequence[Candidate]) -> dict[int, list[Candidate]]:
    cells: dict[int, list[Candidate]] = {}
    for candidate in kept:
        cells.setdefault(grid.cell(candidate), []).append(candidate)
    return cells


def _best_first(one: tuple[float, tuple[float, ...], Candidate]) -> tuple[float, tuple[float, ...], int]:
    value, costs, candidate = one
    return -value, costs, candidate.id


def _best(grid: Grid, objective: Objective, members: Sequence[Candidate]) -> Candidate:
    """The member with the highest value, the cheapest of equal ones."""
    values = objective.values(members)
    highest = max(values)
    equal = [member for value, member in zip(values, members, strict=True) if value == highest]
    return min(equal, key=lambda one: (grid.values(one), one.id))


def front_settings(
    settings: SearchSettings,
    over: str | Sequence[str],
    between: Range | Sequence[Range],
    points: int | Sequence[int] | None = None,
    members: int | None = None,
    iterations: int | None = None,
    confirmation: str = "none",
) -> SearchSettings:
    """Return the settings of a front.

    settings: those of a search; their budget holds for all points.
    over: the cost, a name in `COUNTS`, or `latency:` and a profile or back end; or two different costs.
    between: the limits of the first and the last point, as text like "0.1ms:1.2ms" or "100k:1M", or as numbers
        (milliseconds per image for latencies, bytes for memories); one for each cost.
    points, members: options of the strategy; None for their defaults. points: one number for each cost, or one for all.
    iterations: None for `PER_POINT` each, or `PER_CELL` over two costs.
    confirmation: how the best of each cell are confirmed, as in a search, but without it by default.

    Raises WrongSettingError if a value is not valid, the budget limits the same cost, or nothing can confirm the best;
    and what `settled_limit` raises for a latency.
    """
    costs = [over] if isinstance(over, str) else list(over)
    ranges = _ranges(between)
    if not 1 <= len(costs) <= MOST_COSTS:
        raise WrongSettingError(f"the front is over {counted(len(costs), 'cost')}, expected one or two")
    if len(ranges) != len(costs):
        raise WrongSettingError(
            f"{counted(len(costs), 'cost')} and {counted(len(ranges), 'range')}, expected a range for each cost, in "
            f"the same order: {' '.join(f'--over {cost} --range {_example(cost)}' for cost in costs)}"
        )
    for cost in costs:
        if costs.count(cost) > 1:
            raise WrongSettingError(f"the front is over {cost} twice, expected two different costs")
    steps = _steps(points, len(costs))
    budget, options = settings.budget, dict[str, Any]()
    for prefix, cost, limits, number in zip(("", "second_"), costs, ranges, steps, strict=False):
        low, high = _ends(cost, limits)
        named, budget = _limited(budget, cost, high)
        chosen = {"over": named, "low": low, "high": high, "points": number}
        options |= {f"{prefix}{name}": value for name, value in chosen.items() if value is not None}
    kept = MEMBERS if members is None and len(costs) > 1 else members
    options |= {} if kept is None else {"members": kept}
    grid = FrontOptions(**options).grid(settings.network)  # raises if a value is not valid
    tried = grid.count * (PER_POINT if len(costs) == 1 else PER_CELL) if iterations is None else iterations
    front = replace(
        settings,
        budget=budget,
        strategy=NAME,
        strategy_options={**settings.strategy_options, **options},
        iterations=tried,
        confirmation=confirmation,
        report=(),
    )
    if confirmation != "none" and confirmer(front) is None:
        raise WrongSettingError(
            f"nothing confirms points by {settings.proxy}: name a random proxy, like --confirm-by zen, or leave out "
            "--confirmation"
        )
    return front


def front_confirmation(given: Mapping[str, Any]) -> str:
    """Return how a front is confirmed, from the settings by name that are given: not at all, unless they say so."""
    return str(given.get("confirmation", "none" if given.get("confirm_by") is None else SearchSettings.confirmation))


def _ranges(between: Range | Sequence[Range]) -> list[Range]:
    """The ranges as a list: a text and a pair of numbers are one."""
    if isinstance(between, str):
        return [between]
    one = tuple(between)
    if len(one) == 2 and all(isinstance(end, (int, float)) for end in one):
        return [(float(one[0]), float(one[1]))]  # type: ignore[arg-type]  # numbers
    return list(one)  # type: ignore[arg-type]  # ranges


def _steps(points: int | Sequence[int] | None, costs: int) -> list[int | None]:
    """The number of points for each cost; None for the default."""
    if points is None:
        return [None] if costs == 1 else [FrontOptions.second_points] * costs
    if isinstance(points, int):
        return [points] * costs
    if len(points) != costs:
        raise WrongSettingError(
            f"points is {'x'.join(map(str, points))} for {counted(costs, 'cost')}, expected "
            f"{'one number, like 20' if costs == 1 else 'a number for each, like 8x8'}"
        )
    return list(points)


def _limited(budget: Budget, over: str, high: float) -> tuple[str, Budget]:
    """The full name of a cost, and the budget with the end of its range; nothing limits activations."""
    if over.startswith(LATENCY):
        limit = settled_limit(LatencyLimit(high, _source(over.removeprefix(LATENCY)), None))
        if any(settled_limit(one).source == limit.source for one in budget.latency):
            raise WrongSettingError(f"the front is over {over}, which has a budget, too: leave the budget out")
        return f"{LATENCY}{limit.source}", replace(budget, latency=(*budget.latency, limit))
    if over not in COUNTS or over == "activations":
        return over, budget
    if getattr(budget, over) is not None:
        raise WrongSettingError(f"the front is over {over}, which has a budget, too: leave out --budget-{over}")
    return over, replace(budget, **cast(dict[str, Any], {over: int(high)}))


def _source(name: str) -> str:
    """The source of a latency limit: a profile that predicts, unless a back end is named."""
    from latency.base import BACKENDS

    if name.startswith(PREDICTOR) or name.partition(":")[0] in BACKENDS:
        return name
    return f"{PREDICTOR}{name}"


def _example(over: str) -> str:
    return "0.1ms:1.2ms" if over.startswith(LATENCY) else "100k:1M"


def _ends(over: str, between: Range) -> tuple[float, float]:
    """The two ends of a range. Raises WrongSettingError."""
    example = _example(over)
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


def memories_that_matter(settings: SearchSettings) -> list[str]:
    """Return the names of the memories that are limited or a goal. A front over one limits it."""
    return [name for name in MEMORIES if name in settings.budget.memories() or name in settings.minimise]


def memories_in_use(settings: SearchSettings, candidate: Candidate) -> dict[str, int]:
    """Return what a candidate needs of the memories that matter, in bytes by name."""
    wanted = memories_that_matter(settings)
    models = memories_of(settings.network) if wanted else {}
    return {name: models[name](candidate.structure) for name in wanted}
