"""A network that a search considered."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from PlainNet import Cost, Structure

Status: TypeAlias = Literal["asked", "member", "dropped", "failed"]


class Measure(NamedTuple):
    """A score of a candidate, with its 95 % interval where it has one."""

    # A NamedTuple and not a dataclass: a search makes one for every candidate.
    value: float
    low: float | None = None
    high: float | None = None


class Latency(NamedTuple):
    """Milliseconds an image on one device, as predicted, as measured, or both.

    low, high: 95 % interval of the measured median, where there were samples enough. p90: of the samples.
    settled: whether the measurement became as exact as it should.
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
        """The measured one, else the predicted one; infinite where there is none."""
        known = self.predicted if self.measured is None else self.measured
        return math.inf if known is None else known


@dataclass(frozen=True, slots=True)
class Candidate:
    """One network of a search.

    id: counts from 1 in the order of asking. parent: the id that it was mutated from, None for a first one.
    iteration: how many structures had been tried. seed: for scores that are random.
    status: "asked" until it is evaluated, "member" while its strategy keeps it, "dropped" after that; or "failed".
    error: why it could not be evaluated. measures: what is known of it, by name: the objective's, and later others.
    latency: by the source of the budget's limits (`zennas.budget.budgets.LatencyLimit`), where the budget has some.
    """

    id: int
    structure: Structure
    parent: int | None
    cost: Cost
    iteration: int
    seed: int
    status: Status = "asked"
    error: str | None = None
    measures: dict[str, Measure] = field(default_factory=dict)
    latency: dict[str, Latency] = field(default_factory=dict)

    def with_status(self, status: Status) -> Candidate:
        """This candidate, with another status."""
        # Written out: `dataclasses.replace` takes four times as long, and a search does this for every candidate.
        return Candidate(
            self.id,
            self.structure,
            self.parent,
            self.cost,
            self.iteration,
            self.seed,
            status,
            self.error,
            self.measures,
            self.latency,
        )

    def evaluated(self, outcome: dict[str, Measure] | str) -> Candidate:
        """This candidate with its measures, or with the error that its evaluation ended with."""
        error, measures = (outcome, self.measures) if isinstance(outcome, str) else (None, outcome)
        return Candidate(
            self.id,
            self.structure,
            self.parent,
            self.cost,
            self.iteration,
            self.seed,
            self.status,
            error,
            measures,
            self.latency,
        )
