"""Finding a structure within a budget to start from, or saying how far the space is from one."""

from __future__ import annotations

from random import Random

from PlainNet import Cost, Structure, StructureError
from PlainNet.cost import CostModel
from SearchSpace import SearchSpace
from zennas.budget import Budget, BudgetError

PATIENCE = 3000
"""Mutations without getting closer after which the smallest structure counts as found."""


def within_budget(space: SearchSpace, model: CostModel, budget: Budget, rng: Random) -> tuple[Structure, int]:
    """The space's initial structure, or one walked down from it to the budget; and the mutations tried.

    Raises BudgetError naming the smallest costs that the walk reached.
    """
    structure, cost, tried = _descend(space, model, budget, rng)
    if budget.violation(cost) is None:
        return structure, tried
    unmet = []
    for name, limit in budget.limits().items():
        _, least, more = _descend(space, model, Budget(**{name: limit}), rng)
        tried += more
        if getattr(least, name) > limit:
            unmet.append(f"{name} ≤ {limit:,} (the smallest found has {getattr(least, name):,})")
    if unmet:
        raise BudgetError(f"nothing in search space {space.name} has {' or '.join(unmet)}; {tried:,} mutations tried")
    reached = ", ".join(f"{name} {getattr(cost, name):,}" for name in budget.limits())
    raise BudgetError(
        f"nothing in search space {space.name} meets {budget} together, though each alone can be met; "
        f"the closest found has {reached}; {tried:,} mutations tried"
    )


def _descend(space: SearchSpace, model: CostModel, budget: Budget, rng: Random) -> tuple[Structure, Cost, int]:
    """Walk downhill in `budget.excess` until it is met, or until `PATIENCE` runs out."""
    structure = space.initial()
    cost = model(structure)
    excess = budget.excess(cost)
    tried = since = 0
    while excess > 1 and since < PATIENCE:
        tried += 1
        since += 1
        candidate = space.mutate(structure, rng)
        try:
            candidate_cost = model(candidate)
        except StructureError:
            continue
        candidate_excess = budget.excess(candidate_cost)
        if candidate_excess < excess:
            since = 0
        if candidate_excess <= excess:
            structure, cost, excess = candidate, candidate_cost, candidate_excess
    return structure, cost, tried
