"""The budgets and search spaces whose winners are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

from zennas.budget.budgets import PREDICTOR, Budget, LatencyLimit

SCORES = ("mean_field", "zen_expected")
"""The scores of the page. `zen` evolves on `zen_expected`; no winner is confirmed by Monte Carlo here."""
V100, CPU = "v100-pytorch-fp16", "this-machine-fp32"
"""The profiles whose latencies are looked at, also those of the budgets of latency."""
RECIPES = Path(__file__).parents[2] / "recipes"


def _initial(recipe: str) -> str:
    """The initial structure of a recipe."""
    return str(tomllib.loads((RECIPES / f"{recipe}.toml").read_text())["initial"])


_UNITS_LARGE = (
    "SuperConvK3BNRELU(3,16,2,1)MBConv(16,24,3,3,2)MBConv(24,40,3,3,2)MBConv(40,80,3,3,2)MBConv(80,160,3,3,2)"
    "SuperConvK1BNRELU(160,320,1,1)"
)


@dataclass(frozen=True)
class Space:
    """A search space of a budget. initial: None for the space's. layers: the limit of Zen-NAS's layers."""

    name: str
    initial: str | None
    layers: int


@dataclass(frozen=True)
class Case:
    """A budget, whose limits of layers are those of its spaces. name: in tables. limit: the budget in words."""

    name: str
    limit: str
    resolution: int
    num_classes: int
    budget: Budget
    spaces: tuple[Space, ...]

    def limits(self, space: Space) -> dict[str, Any]:
        """Return the budget as arguments of `zennas.search`."""
        latency = {}
        if self.budget.latency:
            (one,) = self.budget.latency
            latency = {"budget_latency_ms": one.ms, "latency_backend": one.source}
        return {
            "budget_params": self.budget.params,
            "budget_flops": self.budget.flops,
            "max_layers": space.layers,
            **latency,
        }


CASES = (
    Case(
        "small",
        "1M parameters and 160M FLOPs",
        32,
        100,
        Budget(params=1_000_000, flops=160_000_000),
        (Space("XXBL", None, 18), Space("units", None, 18)),
    ),
    Case(
        "mobile",
        "400M FLOPs",
        224,
        1000,
        Budget(flops=400_000_000),
        # A layer of IDW_fixfc is two inverted residuals, so units may have twice as many.
        (Space("IDW_fixfc", None, 14), Space("units", _UNITS_LARGE, 28)),
    ),
    Case(
        "V100",
        "0.3 ms on a V100",
        224,
        1000,
        Budget(latency=(LatencyLimit(0.3, PREDICTOR + V100),)),
        (Space("XXBL", _initial("Zen_NAS_ImageNet_latency0.3ms"), 16), Space("units", _UNITS_LARGE, 16)),
    ),
    Case(
        "CPU",
        "4 ms on one CPU thread",
        224,
        1000,
        Budget(latency=(LatencyLimit(4.0, PREDICTOR + CPU),)),
        (Space("IDW_fixfc", None, 14), Space("units", _UNITS_LARGE, 28)),
    ),
)
"""The limits of layers are those of Zen-NAS's scripts, also in the cases that have no script."""
