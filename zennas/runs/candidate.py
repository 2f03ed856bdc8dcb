"""A network that a search considered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from PlainNet import Cost, Structure

Status: TypeAlias = Literal["asked", "member", "dropped", "failed"]


class Measure(NamedTuple):
    """A score of a candidate; low and high are its 95 % interval, or None."""

    # A NamedTuple and not a dataclass: a search makes one for every candidate.
    value: float
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the value, and the interval if there is one."""
        return {"value": self.value, **({} if self.low is None else {"interval": [self.low, self.high]})}


class Missing(NamedTuple):
    """Why a candidate lacks a score that others have, in one clause. It is still ranked, as the worst by this score."""

    reason: str


class Latency(NamedTuple):
    """Predicted or measured latency on one device, or both, in milliseconds per image.

    low, high: 95 % interval of the measured median; None if there were too few samples.
    p90: the 90th percentile of the samples.
    settled: whether the measurement reached the wanted precision.
    """

    # A NamedTuple and not a dataclass: a search makes one for every candidate.
    predicted: float | None = None
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    p90: float | None = None
    settled: bool = True

    @property
    def ms(self) -> float:
        """The measured latency, otherwise the predicted one; infinity if there is neither."""
        known = self.predicted if self.measured is None else self.measured
        return math.inf if known is None else known


_NONE: Mapping[str, Any] = {}
"""The default of the mappings below, which nothing changes."""


class Candidate(NamedTuple):
    """A structure that a search considers. Immutable.

    id: a number from 1, in the order in which candidates were proposed.
    parent: the id of the candidate that it was mutated from, or None.
    iteration: how many structures had been tried by then.
    seed: the seed for scores that are random.
    status: "asked" until it is evaluated, "member" while its strategy keeps it, "dropped" afterwards, or "failed".
    error: why it could not be evaluated.
    measures: its scores by name: those of the objective, and others added later.
    latency: its latencies by source (see `zennas.budget.budgets.LatencyLimit`), if the budget limits latency.
    epochs: how long it is trained, if its strategy decides that; None for the epochs of the objective. Not stored.
    missing: why it lacks scores of the objective, by name; nothing for most objectives.
    """

    # A NamedTuple instead of a dataclass, because a search makes several for every candidate.
    id: int
    structure: Structure
    parent: int | None
    cost: Cost
    iteration: int
    seed: int
    status: Status = "asked"
    error: str | None = None
    measures: Mapping[str, Measure] = _NONE
    latency: Mapping[str, Latency] = _NONE
    missing: Mapping[str, str] = _NONE
    epochs: int | None = None

    def with_status(self, status: Status) -> Candidate:
        """Return this candidate with another status."""
        # Not `_replace`, which takes five times as long: a search does this for every candidate.
        return tuple.__new__(Candidate, (*self[:6], status, *self[7:]))

    def evaluated(self, outcome: Mapping[str, Measure | Missing] | str) -> Candidate:
        """Return this candidate with its measures and why some are missing, or with the error of its evaluation."""
        if isinstance(outcome, str):
            return tuple.__new__(Candidate, (*self[:7], outcome, *self[8:]))
        measures = {name: one for name, one in outcome.items() if isinstance(one, Measure)}
        missing = {name: one.reason for name, one in outcome.items() if isinstance(one, Missing)}
        return tuple.__new__(Candidate, (*self[:7], None, measures, self.latency, missing, self.epochs))
