"""What a network may cost: maxima of parameters, FLOPs and layers. Latency will stand beside them."""

from __future__ import annotations

from dataclasses import dataclass, fields

from PlainNet import Cost
from zennas.limits import check_whole
from zennas.numbers import format_count


class BudgetError(ValueError):
    """A budget that no structure of the space meets."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Maxima, each None where there is none. The names are those of `Cost`."""

    params: int | None = None
    flops: int | None = None
    layers: int | None = None

    def __post_init__(self) -> None:
        for name, limit in self.limits().items():
            check_whole(f"the budget of {name}", limit, BudgetError)

    def limits(self) -> dict[str, int]:
        """The maxima that are set, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def violation(self, cost: Cost) -> str | None:
        """The name of the first maximum that `cost` exceeds, or None where it fits."""
        # Written out and not a loop over limits(): a search asks this for every candidate.
        if self.layers is not None and cost.layers > self.layers:
            return "layers"
        if self.params is not None and cost.params > self.params:
            return "params"
        if self.flops is not None and cost.flops > self.flops:
            return "flops"
        return None

    def excess(self, cost: Cost) -> float:
        """The largest ratio of cost to maximum; at most 1 where `cost` fits, 0 without maxima."""
        return max((getattr(cost, name) / limit for name, limit in self.limits().items()), default=0.0)

    def __str__(self) -> str:
        limits = [f"{name} ≤ {format_count(limit)}" for name, limit in self.limits().items()]
        return ", ".join(limits) or "no budget"
