"""A grid along one cost of networks: each cell holds the networks between two limits.

The limits form a geometric sequence, so that every step buys the same share more.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from zennas.budget.budgets import BudgetError
from zennas.common.numbers import format_count
from zennas.runs.candidate import Candidate, Latency

if TYPE_CHECKING:
    from PlainNet.arrays.structures import Floats, Integers
    from zennas.searching.judging import Judge, Judged

LATENCY = "latency:"
COUNTS = ("params", "flops", "activations")
"""The counts that a front can be over; else it is over `latency:SOURCE`."""


@dataclass(frozen=True)
class Grid:
    """Cells along one cost.

    over: a name in `COUNTS`, or "latency:" and the source of a latency limit.
    limits: the upper limit of each cell, ascending; milliseconds per image for latencies. The first cell begins at 0.
    """

    over: str
    limits: tuple[float, ...]

    @classmethod
    def between(cls, over: str, low: float, high: float, points: int) -> Grid:
        """Return a grid of `points` cells, whose limits go from `low` to `high`."""
        steps = points - 1
        between = (low * (high / low) ** (i / steps) for i in range(1, steps))
        return cls(over, (low, *between, high))

    @property
    def source(self) -> str | None:
        """The source of the latency; None for a count."""
        return self.over.removeprefix(LATENCY) if self.over.startswith(LATENCY) else None

    def value(self, candidate: Candidate) -> float:
        """Return the cost of a candidate; infinity for a latency that is not known."""
        if self.source is not None:
            return candidate.latency.get(self.source, Latency()).ms
        return float(getattr(candidate.cost, self.over))

    def cell(self, candidate: Candidate) -> int:
        """Return the cell of a candidate, from 0; the number of cells if it is beyond the last one."""
        return bisect_left(self.limits, self.value(candidate))

    def check(self, first: Candidate) -> None:
        """Raise BudgetError if the first candidate of a search lies beyond the last cell."""
        if self.cell(first) == len(self.limits):
            raise BudgetError(
                f"the search begins with {self.text(self.value(first))} {self.over}, beyond the range, which ends at "
                f"{self.text(self.limits[-1])}: give a smaller structure as --initial, or a larger range"
            )

    def text(self, value: float) -> str:
        """Return a cost as text: `0.3 ms`, `995k`."""
        return format_count(value) if self.source is None else f"{value:.4g} ms"

    def __str__(self) -> str:
        return f"{self.over} from {self.text(self.limits[0])} to {self.text(self.limits[-1])}"


class OneCell:
    """All candidates together: the cells of an evolution without a grid."""

    over = ""
    limits: tuple[float, ...] = (float("inf"),)

    def cell(self, candidate: Candidate) -> int:
        return 0

    def check(self, first: Candidate) -> None:
        pass


Cells: TypeAlias = Grid | OneCell


def cells_of(cells: Cells, judge: Judge, judged: Judged) -> Integers:
    """Return the cell of each judged structure, as `Grid.cell` does for one: (structures,)."""
    import numpy as np

    if isinstance(cells, OneCell):
        return np.zeros(len(judged.rows), np.int64)
    return np.searchsorted(cells.limits, _values(cells, judge, judged), side="left").astype(np.int64)


def _values(grid: Grid, judge: Judge, judged: Judged) -> Floats:
    found: Floats
    if grid.source is not None:
        found = judged.latency[judge.sources.index(grid.source)]
    else:
        found = getattr(judged.costs, grid.over)
    return found
