"""A grid along one or two costs of networks: each cell holds the networks between limits of each cost.

The limits of a cost form a geometric sequence, so that every step buys the same share more.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from PlainNet import Options
from PlainNet.cost import CostModel
from zennas.budget.budgets import BudgetError
from zennas.budget.memories import MEMORIES, BytesOf, models_of
from zennas.common.numbers import format_count
from zennas.named.settings import NetworkSettings
from zennas.runs.candidate import Candidate, Latency

if TYPE_CHECKING:
    from PlainNet.arrays.structures import Floats, Integers
    from zennas.searching.judging import Judge, Judged

LATENCY = "latency:"
COUNTS = ("params", "flops", "activations", *MEMORIES)
"""The counts that a front can be over; else it is over `latency:SOURCE`."""


@lru_cache(maxsize=4)
def memories_of(network: NetworkSettings) -> dict[str, BytesOf]:
    """Return the bytes of structures by the name of the memory, as networks with these settings."""
    return models_of(CostModel(network.resolution, network.num_classes, Options(use_se=network.use_se)))


@dataclass(frozen=True)
class Axis:
    """Limits along one cost.

    over: a name in `COUNTS`, or "latency:" and the source of a latency limit.
    limits: the upper limit of each step, ascending; milliseconds per image for latencies, bytes for memories. The first
        step begins at 0.
    network: the settings of the networks, which memories depend on.
    """

    over: str
    limits: tuple[float, ...]
    network: NetworkSettings

    @classmethod
    def between(cls, over: str, low: float, high: float, points: int, network: NetworkSettings) -> Axis:
        """Return an axis of `points` steps, whose limits go from `low` to `high`."""
        steps = points - 1
        between = (low * (high / low) ** (i / steps) for i in range(1, steps))
        return cls(over, (low, *between, high), network)

    @property
    def source(self) -> str | None:
        """The source of the latency; None for a count."""
        return self.over.removeprefix(LATENCY) if self.over.startswith(LATENCY) else None

    def value(self, candidate: Candidate) -> float:
        """Return the cost of a candidate; infinity for a latency that is not known."""
        if self.source is not None:
            return candidate.latency.get(self.source, Latency()).ms
        if self.over in MEMORIES:
            return float(memories_of(self.network)[self.over](candidate.structure))
        return float(getattr(candidate.cost, self.over))

    def step(self, candidate: Candidate) -> int:
        """Return the step of a candidate, from 0; the number of steps if it is beyond the last one."""
        return bisect_left(self.limits, self.value(candidate))

    def text(self, value: float) -> str:
        """Return a cost as text: `0.3 ms`, `995k`, `64k bytes`."""
        if self.source is not None:
            return f"{value:.4g} ms"
        return f"{format_count(value)} bytes" if self.over in MEMORIES else format_count(value)

    def __str__(self) -> str:
        return f"{self.over} from {self.text(self.limits[0])} to {self.text(self.limits[-1])}"


@dataclass(frozen=True)
class Grid:
    """Cells along one or two costs. Cells are numbered along the last axis first."""

    axes: tuple[Axis, ...]

    @property
    def count(self) -> int:
        """The number of cells."""
        return prod(len(axis.limits) for axis in self.axes)

    @property
    def open(self) -> str:
        """The name of the cost that can lie beyond the grid: the one that no budget limits, if there is one."""
        return next((axis.over for axis in self.axes if axis.over == "activations"), self.axes[0].over)

    def values(self, candidate: Candidate) -> tuple[float, ...]:
        """Return the costs of a candidate, one for each axis."""
        return tuple(axis.value(candidate) for axis in self.axes)

    def cell(self, candidate: Candidate) -> int:
        """Return the cell of a candidate, from 0; `count` if it is beyond the last one of any axis."""
        number = 0
        for axis in self.axes:
            step = axis.step(candidate)
            if step == len(axis.limits):
                return self.count
            number = number * len(axis.limits) + step
        return number

    def limits(self, cell: int) -> tuple[float, ...]:
        """Return the limits of a cell, one for each axis."""
        found: list[float] = []
        for axis in reversed(self.axes):
            cell, step = divmod(cell, len(axis.limits))
            found.insert(0, axis.limits[step])
        return tuple(found)

    def check(self, first: Candidate) -> None:
        """Raise BudgetError if the first candidate of a search lies beyond the last cell."""
        for axis in self.axes:
            if axis.step(first) == len(axis.limits):
                raise BudgetError(
                    f"the search begins with {axis.text(axis.value(first))} {axis.over}, beyond the range, which ends "
                    f"at {axis.text(axis.limits[-1])}: give a smaller structure as --initial, or a larger range"
                )

    def __str__(self) -> str:
        return " and ".join(map(str, self.axes))


class OneCell:
    """All candidates together: the cells of an evolution without a grid."""

    open = ""
    count = 1

    def cell(self, candidate: Candidate) -> int:
        return 0

    def check(self, first: Candidate) -> None:
        pass


Cells: TypeAlias = Grid | OneCell


def cells_of(cells: Cells, judge: Judge, judged: Judged) -> Integers:
    """Return the cell of each judged structure, as `Grid.cell` does for one: (structures,)."""
    import numpy as np

    found: Integers = np.zeros(len(judged.rows), np.int64)
    if isinstance(cells, OneCell):
        return found
    beyond = np.zeros(len(judged.rows), np.bool_)
    for axis in cells.axes:
        steps = np.searchsorted(axis.limits, _values(axis, judge, judged), side="left")
        beyond |= steps == len(axis.limits)
        found = found * len(axis.limits) + steps
    found[beyond] = cells.count
    return found


def _values(axis: Axis, judge: Judge, judged: Judged) -> Floats:
    found: Floats
    if axis.source is not None:
        found = judged.latency[judge.sources.index(axis.source)]
    elif axis.over in MEMORIES:
        found = judge.memories[axis.over](judged.placed)
    else:
        found = getattr(judged.costs, axis.over)
    return found
