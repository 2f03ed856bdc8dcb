"""What a search pays for its choices: the expected cost, and its part of the loss. Imports torch.

A cost that adds up over the blocks has the expectation E = fixed + Σ_decisions Σ_k p_k cost_k under the probabilities
of the decisions, with the gradient ∂E/∂α_i = p_i (cost_i − Σ_k p_k cost_k) for a decision that chooses one candidate.
`tables.py` makes the costs. `peaks.py` has costs that do not add up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from zennas.supernet.cost_settings import ADD, FORMS, MUL, MUL_LOG
from zennas.supernet.decisions import Decisions
from zennas.supernet.errors import SupernetError


class Costs(Protocol):
    """What a search needs of the costs of candidates: `CostTable`, or `peaks.PeakTable` for those with a maximum.

    fixed: the cost of what is not chosen. candidates: the cost of each candidate by the decision's key.
    """

    @property
    def name(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def fixed(self) -> float: ...

    @property
    def candidates(self) -> Mapping[str, tuple[float, ...]]: ...

    def check(self, decisions: Decisions) -> None:
        """Raise SupernetError if the costs are not of these decisions."""

    def expected(self, decisions: Decisions) -> Tensor:
        """Return the expected cost under the probabilities of the decisions, differentiable, in double precision."""

    def of(self, picks: Mapping[str, Sequence[int]]) -> float:
        """Return the cost of the architecture with these candidates."""


def check_numbers(costs: Costs, decisions: Decisions) -> None:
    """Raise SupernetError unless there is a finite number for each candidate of the decisions that are named."""
    for key, numbers in costs.candidates.items():
        if key not in decisions.by_key:
            raise SupernetError(f"the costs {costs.name} are of a decision {key}, which the model does not have")
        size = len(decisions.by_key[key].options)
        if len(numbers) != size:
            raise SupernetError(f"the costs {costs.name} have {len(numbers)} numbers for {key}, expected {size}")
    if not all(math.isfinite(n) for n in (costs.fixed, *(n for own in costs.candidates.values() for n in own))):
        raise SupernetError(f"the costs {costs.name} have a number that is not finite")


@dataclass(frozen=True)
class CostTable:
    """The cost of each candidate, of which a network has the sum.

    name: what is counted, and where. unit: of the numbers, such as "ms". fixed: the cost of what is not chosen.
    candidates: the cost of each candidate by the decision's key, in the order of the candidates, at all places of the
    decision together. A decision that is not in the table costs nothing.
    """

    name: str
    unit: str
    fixed: float
    candidates: Mapping[str, tuple[float, ...]]

    def check(self, decisions: Decisions) -> None:
        """Raise SupernetError unless there is a finite number for each candidate of the decisions that are named."""
        check_numbers(self, decisions)

    def expected(self, decisions: Decisions) -> Tensor:
        """Return the expected cost under the probabilities of the decisions, differentiable, in double precision."""
        total = torch.tensor(self.fixed, dtype=torch.float64)
        for key, costs in self.candidates.items():
            total = total + (decisions.by_key[key].shares() * torch.tensor(costs, dtype=torch.float64)).sum()
        return total

    def of(self, picks: Mapping[str, Sequence[int]]) -> float:
        """Return the cost of the architecture with these candidates."""
        return self.fixed + sum(costs[k] for key, costs in self.candidates.items() for k in picks[key])


@dataclass(frozen=True)
class Penalty:
    """One cost in the loss. reference: the cost that is aimed at, in the table's unit. Raises SupernetError."""

    table: Costs
    reference: float

    def __post_init__(self) -> None:
        if not 0 < self.reference < math.inf:
            raise SupernetError(f"the reference of {self.table.name} is {self.reference}, expected a number above 0")


@dataclass(frozen=True)
class CostLoss:
    """How costs enter the loss of an architecture step, E being an expected cost and R its reference.

    form: "add", CE + Σ weight · (E − R) / R; "mul", CE · Π (E / R)^power; "mul#log", the original's
    scale · CE · Π (log E / log R)^power, which depends on the unit and exists only where E and R are above 1 of it.
    penalties: one for each cost, for example the latencies on several devices.

    Raises SupernetError for an unknown form, or a reference for which the form does not exist.
    """

    penalties: tuple[Penalty, ...] = ()
    form: str = ADD
    weight: float = 0.1
    power: float = 0.3
    scale: float = 0.2

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise SupernetError(f"the form of costs in the loss is {self.form!r}, expected {', '.join(FORMS)}")
        if self.form == MUL_LOG:
            for penalty in self.penalties:
                self._check_log(penalty, penalty.reference)

    def _check_log(self, penalty: Penalty, cost: float) -> None:
        if cost <= 1:
            raise SupernetError(
                f"the form {MUL_LOG} needs costs above 1 {penalty.table.unit}, but {penalty.table.name} is {cost:g}: "
                f"use the form {MUL}, which does not depend on the unit"
            )

    def __call__(self, cross_entropy: Tensor, decisions: Decisions) -> Tensor:
        """Return the loss, which is differentiable in both the cross-entropy and the architecture parameters."""
        total = cross_entropy.double().cpu()
        if not self.penalties:
            return total
        if self.form == MUL_LOG:
            total = self.scale * total
        for penalty in self.penalties:
            expected, reference = penalty.table.expected(decisions), penalty.reference
            if self.form == ADD:
                total = total + self.weight * (expected - reference) / reference
            elif self.form == MUL:
                total = total * (expected / reference) ** self.power
            else:
                self._check_log(penalty, float(expected.detach()))
                total = total * (torch.log(expected) / math.log(reference)) ** self.power
        return total
