"""What a network may cost: maxima of parameters, FLOPs, layers, and of latency on one device or several.

Counts are checked here; latencies by the devices that `meters.py` makes of the limits, last, as they cost most.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PlainNet import Cost
from zennas.common.errors import ZennasError
from zennas.common.limits import check_number, check_whole
from zennas.common.numbers import format_count

PREDICTOR = "predictor:"
DEFAULT_SOURCE = f"{PREDICTOR}v100-pytorch-fp16"
"""Whose latency a budget in milliseconds is where nothing else is said: that of Zen-NAS's tables."""


class BudgetError(ZennasError, ValueError):
    """A budget that no structure of the space meets."""


@dataclass(frozen=True, slots=True)
class LatencyLimit:
    """At most `ms` milliseconds an image.

    source: "predictor:PROFILE", by a shipped profile's name or a file; or "BACKEND[:PRECISION[:DEVICE]]", which
    measures. batch_size: images at a time; None for the profile's own, or 1.
    """

    ms: float
    source: str = DEFAULT_SOURCE
    batch_size: int | None = None

    def __post_init__(self) -> None:
        check_number("the budget of latency", self.ms, BudgetError)
        if not self.ms > 0:
            raise BudgetError(f"the budget of latency is {self.ms} ms, expected more than 0")
        if self.batch_size is not None:
            check_whole("the batch size of the latency", self.batch_size, BudgetError)

    @property
    def predicted(self) -> bool:
        """Whether a profile tells the latency, and not the device itself."""
        return self.source.startswith(PREDICTOR)

    @property
    def label(self) -> str:
        """What to call the device: the profile's name without its folder, or the source."""
        name = self.source.removeprefix(PREDICTOR)
        return Path(name).stem if name.endswith(".json") else name

    def __str__(self) -> str:
        return f"latency ≤ {self.ms:g} ms ({self.label})"


@dataclass(frozen=True, slots=True)
class Budget:
    """Maxima, each None where there is none; those of counts have the names of `Cost`. latency: one for each device."""

    params: int | None = None
    flops: int | None = None
    layers: int | None = None
    latency: tuple[LatencyLimit, ...] = ()

    def __post_init__(self) -> None:
        for name, limit in self.limits().items():
            check_whole(f"the budget of {name}", limit, BudgetError)
        sources = [limit.source for limit in self.latency]
        for source in sources:
            if sources.count(source) > 1:
                raise BudgetError(f"{source} has {sources.count(source)} budgets of latency, expected one")

    def __bool__(self) -> bool:
        return bool(self.limits() or self.latency)

    def limits(self) -> dict[str, int]:
        """The maxima of counts that are set, by name."""
        values = {"params": self.params, "flops": self.flops, "layers": self.layers}
        return {name: value for name, value in values.items() if value is not None}

    def violation(self, cost: Cost) -> str | None:
        """The name of the first maximum of a count that `cost` exceeds, or None where it fits."""
        # Written out and not a loop over limits(): a search asks this for every candidate.
        if self.layers is not None and cost.layers > self.layers:
            return "layers"
        if self.params is not None and cost.params > self.params:
            return "params"
        if self.flops is not None and cost.flops > self.flops:
            return "flops"
        return None

    def excess(self, cost: Cost) -> float:
        """The largest ratio of a count to its maximum; at most 1 where `cost` fits, 0 without maxima."""
        return max((getattr(cost, name) / limit for name, limit in self.limits().items()), default=0.0)

    def to_json(self) -> dict[str, Any]:
        """The maxima that are set, and the latencies where there are any."""
        latency = {"latency": [asdict(limit) for limit in self.latency]} if self.latency else {}
        return {**self.limits(), **latency}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Budget:
        """Also of runs that know no latency. Raises TypeError for what it cannot read."""
        values = dict(stored)
        latency = values.pop("latency", None) or ()
        return cls(**values, latency=tuple(LatencyLimit(**limit) for limit in latency))

    def __str__(self) -> str:
        limits = [f"{name} ≤ {format_count(limit)}" for name, limit in self.limits().items()]
        return ", ".join([*limits, *map(str, self.latency)]) or "no budget"
