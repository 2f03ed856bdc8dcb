"""A network that a search considered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from PlainNet import Cost, Structure

Status: TypeAlias = Literal["asked", "member", "dropped", "failed"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A score of a candidate, with its 95 % interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One network of a search.

    id: counts from 1 in the order of asking. parent: the id it was mutated from, None for the first.
    iteration: how many mutations had been tried. seed: for scores that are random.
    fitness: what the search maximises, set when it was scored. error: why scoring failed.
    measures: scores by the name of their proxy, for those that were confirmed.
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
