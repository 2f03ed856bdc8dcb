"""What a policy is rewarded with for a candidate: its accuracy, its rank in the history, or a difference of indicators.

Magnitudes break a policy gradient: synflow's values differ by fifty powers of ten, and one of them would decide. So
only accuracies are rewards by themselves; scores enter as ranks, or as differences on the scale of the last ones.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from zennas.common.errors import WrongSettingError
from zennas.runs.candidate import Candidate
from zennas.searching.objectives.base import AccuracyObjective, Objective, indicators_of

VALUE, RANK, DIFFERENCE = KINDS = ("value", "rank", "difference")
HISTORY = 4096
"""Ranks are those among so many last candidates."""
WINDOW = 10
"""Differences are on the scale of so many last candidates, as in TEG-NAS."""
LEAST = 1e-6
"""What is added to the scale of differences, as in TEG-NAS."""
PER_CENT = 100.0


class Ranking:
    """The ranks of numbers in their history: the share that is lower, where equal ones count half.

    The history is that of the last `size` numbers, with the new one itself. Infinite numbers are the best or the worst.
    """

    def __init__(self, size: int = HISTORY) -> None:
        self._size = size
        self._last: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, value: float) -> float:
        """Add a number, and return its rank, between 0 and 1. A number that is no number counts as the worst."""
        value = -math.inf if math.isnan(value) else value
        self._last.append(value)
        insort(self._sorted, value)
        if len(self._last) > self._size:
            del self._sorted[bisect_left(self._sorted, self._last.popleft())]
        return (bisect_left(self._sorted, value) + bisect_right(self._sorted, value)) / 2 / len(self._sorted)

    def state(self) -> list[float | None]:
        """Return the history as JSON, which has no infinite numbers: the worst is null."""
        return [None if value == -math.inf else min(value, _LARGEST) for value in self._last]

    def restore(self, state: Sequence[float | None]) -> None:
        """Continue from a `state`. Raises TypeError or ValueError if it is not one."""
        self._last = deque(-math.inf if value is None else float(value) for value in state)
        self._sorted = sorted(self._last)


_LARGEST = 1.7976931348623157e308


class Reward(Protocol):
    """From candidates, in their order, to rewards."""

    def of(self, candidate: Candidate, history: Sequence[Candidate]) -> float:
        """Return the reward of a measured candidate. history: those before it."""

    def state(self) -> Any:
        """Return the state as JSON."""

    def restore(self, state: Any) -> None:
        """Continue from a `state`. Raises KeyError, TypeError or ValueError if it is not one."""


class ValueReward:
    """The value as a share of 100, so that accuracies in per cent are between 0 and 1."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective

    def of(self, candidate: Candidate, history: Sequence[Candidate]) -> float:
        (value,) = self._objective.values((candidate,))
        return value / PER_CENT

    def state(self) -> None:
        return None

    def restore(self, state: Any) -> None:
        pass


class RankReward:
    """The mean over the indicators of the rank in the history."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._rankings: list[Ranking] = []

    def of(self, candidate: Candidate, history: Sequence[Candidate]) -> float:
        rows = indicators_of(self._objective, (candidate,))
        if rows is None:  # it has a value among others only
            *others, own = self._objective.values((*history, candidate))
            worse, equal = sum(other < own for other in others), 1 + sum(other == own for other in others)
            return (worse + equal / 2) / (1 + len(others))
        self._rankings = self._rankings or [Ranking() for _ in rows[0]]
        return _mean(ranking.add(value) for ranking, value in zip(self._rankings, rows[0], strict=True))

    def state(self) -> list[list[float | None]]:
        return [ranking.state() for ranking in self._rankings]

    def restore(self, state: Sequence[Sequence[float | None]]) -> None:
        self._rankings = [Ranking() for _ in state]
        for ranking, one in zip(self._rankings, state, strict=True):
            ranking.restore(one)


class DifferenceReward:
    """TEG-NAS's reward: the sum over the indicators of the difference from the candidate before, on the scale of the
    last ones: (x[t] - x[t-1]) / (max - min of the last `WINDOW` + 1e-6). The first candidate has 0.

    An indicator that is not finite counts as the worst, or the best, of the finite ones of the window.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._last: deque[list[float]] = deque(maxlen=WINDOW)

    def of(self, candidate: Candidate, history: Sequence[Candidate]) -> float:
        rows = indicators_of(self._objective, (candidate,))
        assert rows is not None  # `reward_of` says so
        self._last.append(_finite(rows[0], self._last))
        if len(self._last) == 1:
            return 0.0
        columns = zip(*self._last, strict=True)
        return math.fsum((column[-1] - column[-2]) / (max(column) - min(column) + LEAST) for column in columns)

    def state(self) -> list[list[float]]:
        return [list(row) for row in self._last]

    def restore(self, state: Sequence[Sequence[float]]) -> None:
        self._last = deque(([float(value) for value in row] for row in state), maxlen=WINDOW)


def reward_of(objective: Objective, kind: str | None) -> Reward:
    """Return the reward of an objective. kind: one of `KINDS`, or None for the one that is usual for it.

    Accuracies are rewards by themselves, as in NAS-Bench-201's REINFORCE; several indicators give differences, as in
    TEG-NAS; a single score gives ranks, as does an objective that has no indicators. Raises WrongSettingError if the
    objective has no such reward.
    """
    rows = indicators_of(objective, ())
    if kind == VALUE and objective.relative:
        raise WrongSettingError(
            f"reward is {VALUE}, but the objective {objective.name} gives a candidate no value of its own: use {RANK}"
        )
    if kind == DIFFERENCE and rows is None:
        raise WrongSettingError(f"reward is {DIFFERENCE}, but the objective {objective.name} has no indicators: {RANK}")
    if kind == VALUE or (kind is None and isinstance(objective, AccuracyObjective)):
        return ValueReward(objective)
    if kind == DIFFERENCE or (kind is None and objective.relative and rows is not None):
        return DifferenceReward(objective)
    return RankReward(objective)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return math.fsum(found) / len(found)


def _finite(row: Sequence[float], before: Sequence[Sequence[float]]) -> list[float]:
    """The row with numbers for what is infinite or no number."""
    found = []
    for i, value in enumerate(row):
        if not math.isfinite(value):
            column = [one[i] for one in before] or [0.0]
            value = max(column) if value == math.inf else min(column)
        found.append(value)
    return found
