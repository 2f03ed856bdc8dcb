"""Finding a structure within a budget to start from, or saying how far the space is from one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, cast

from latency.base import LatencyError
from PlainNet import Cost, Structure, StructureError
from PlainNet.cost import CostModel
from SearchSpace import SearchSpace
from zennas.budget.budgets import Budget, BudgetError
from zennas.budget.meters import Device

PATIENCE = 3000
"""Mutations without getting closer after which the smallest structure counts as found."""
MEASURED_PATIENCE = 60
"""The same where a mutation takes a second, because its latency is measured."""


def within_budget(
    space: SearchSpace, model: CostModel, budget: Budget, rng: Random, devices: Sequence[Device] = ()
) -> tuple[Structure, int]:
    """The space's initial structure, or one walked down from it to the budget; and the mutations tried.

    Raises BudgetError naming the smallest costs and latencies that the walk reached; LatencyError where the initial
    structure has no latency.
    """
    found = _descend(space, model, _Limits(budget, devices), rng)
    if found.excess <= 1:
        return found.structure, found.tried
    tried = found.tried
    unmet = []
    for limits in _single(budget, devices):
        least = _descend(space, model, limits, rng)
        tried += least.tried
        if least.excess > 1:
            unmet.append(f"{limits} (the smallest found has {limits.values(least.structure, least.cost)})")
    if unmet:
        raise BudgetError(f"nothing in search space {space.name} has {' or '.join(unmet)}; {tried:,} mutations tried")
    parts = _single(budget, devices)
    reached = ", ".join(f"{part.names} {part.values(found.structure, found.cost)}" for part in parts)
    raise BudgetError(
        f"nothing in search space {space.name} meets {budget} together, though each alone can be met; "
        f"the closest found has {reached}; {tried:,} mutations tried"
    )


@dataclass(frozen=True)
class _Limits:
    """Counts and latencies to get down to."""

    budget: Budget
    devices: Sequence[Device]

    def excess(self, structure: Structure, cost: Cost) -> float:
        """The largest ratio to a limit, at most 1 where all are met."""
        latencies = (device(structure).ms / device.limit.ms for device in self.devices)
        return max(self.budget.excess(cost), max(latencies, default=0.0))

    @property
    def names(self) -> str:
        return ", ".join([*self.budget.limits(), *(f"latency on {device.limit.label}" for device in self.devices)])

    def values(self, structure: Structure, cost: Cost) -> str:
        counts = [f"{getattr(cost, name):,}" for name in self.budget.limits()]
        return ", ".join([*counts, *(f"{device(structure).ms:.3g} ms" for device in self.devices)])

    def __str__(self) -> str:
        counts = [f"{name} ≤ {limit:,}" for name, limit in self.budget.limits().items()]
        return ", ".join([*counts, *(str(device.limit) for device in self.devices)])


def _single(budget: Budget, devices: Sequence[Device]) -> list[_Limits]:
    """Each limit by itself."""
    counts = [_Limits(Budget(**cast(dict[str, Any], {name: limit})), ()) for name, limit in budget.limits().items()]
    return [*counts, *(_Limits(Budget(), (device,)) for device in devices)]


class _Found(NamedTuple):
    structure: Structure
    cost: Cost
    excess: float
    tried: int


def _descend(space: SearchSpace, model: CostModel, limits: _Limits, rng: Random) -> _Found:
    """Walk downhill in the excess until it is met, or until patience runs out."""
    patience = PATIENCE if all(device.limit.predicted for device in limits.devices) else MEASURED_PATIENCE
    structure = space.initial()
    cost = model(structure)
    excess = limits.excess(structure, cost)
    tried = since = 0
    while excess > 1 and since < patience:
        tried += 1
        since += 1
        candidate = space.mutate(structure, rng)
        try:
            candidate_cost = model(candidate)
            candidate_excess = limits.excess(candidate, candidate_cost)
        except (StructureError, LatencyError):
            continue
        if candidate_excess < excess:
            since = 0
        if candidate_excess <= excess:
            structure, cost, excess = candidate, candidate_cost, candidate_excess
    return _Found(structure, cost, excess, tried)
