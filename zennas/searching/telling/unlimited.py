"""What the budget of a search leaves free, and what the winner has of everything that costs."""

from __future__ import annotations

from zennas.budget.budgets import Budget
from zennas.common.numbers import counted, format_count
from zennas.runs.candidate import Candidate


def unlimited(budget: Budget) -> tuple[str, ...]:
    """Return what no limit holds, of parameters, FLOPs, latency and layers, unless `any_depth` asks for that."""
    held = {
        "parameters": budget.params is not None,
        "FLOPs": budget.flops is not None,
        "latency": bool(budget.latency),
        "layers": budget.layers is not None or budget.any_depth,
    }
    return tuple(name for name, limited in held.items() if not limited)


def unlimited_remark(budget: Budget, best: Candidate) -> tuple[str, ...]:
    """Return a remark that names what no limit holds and what the best has; none if everything is limited."""
    free, cost = unlimited(budget), best.cost
    if not free:
        return ()
    listed = " and ".join(filter(None, (", ".join(free[:-1]), free[-1])))
    return (
        f"no budget limits {listed}: the best has {format_count(cost.params)} parameters, {format_count(cost.flops)} "
        f"FLOPs, {format_count(cost.activations)} activations and {counted(cost.layers, 'layer')}",
    )
