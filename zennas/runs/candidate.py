"""A network that a search considered."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from PlainNet import Cost, Structure

Status: TypeAlias = Literal["asked", "member", "dropped", "failed"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A score of a candidate, with its 95 % interval where it has one."""

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

    id: counts from 1 in the order of asking. parent: the id it was mutated from, None for the first.
    iteration: how many mutations had been tried. seed: for scores that are random.
    fitness: what the search maximises, set when it was scored. error: why scoring failed.
    measures: scores by the name of their proxy, for those that were confirmed.
    latency: by the source of the budget's limits (`budget.LatencyLimit`), where it has some.
    """

    id: int
    structure: Structure
    parent: int | None
    cost: Cost
    iteration: int
    seed: int
    status: Status = "asked"
    fitness: float | None = None
    error: str | None = None
    measures: dict[str, Measure] = field(default_factory=dict)
    latency: dict[str, Latency] = field(default_factory=dict)
