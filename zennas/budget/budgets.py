"""What a network may cost: parameters, FLOPs, layers, RAM, flash, and latency on one or several devices.

Counts are checked here, RAM and flash by `memories.py`. Latencies are checked last, because they cost most, by the
meters in `meters.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from PlainNet import Cost
from zennas.common.errors import ZennasError
from zennas.common.limits import check_kind, check_number, check_whole
from zennas.common.numbers import format_count
from zennas.common.settings import Setting, setting

BUDGET = "Budget"
"""The panel of the flags."""
PREDICTOR = "predictor:"
DEFAULT_SOURCE = f"{PREDICTOR}v100-pytorch-fp16"
"""The source of a latency limit if none is given: the device of Zen-NAS's tables."""
DEFAULT_LAYERS = 30
"""The limit of layers if only latency or RAM is limited: the depth of Zen-NAS's deepest network."""


class BudgetError(ZennasError, ValueError):
    """No structure of the space fits the budget, or a limit is out of range."""


@dataclass(frozen=True, slots=True)
class LatencyLimit:
    """A latency limit of `ms` milliseconds per image.

    source: "predictor:PROFILE" with the name of a shipped profile or a file, which predicts; or
    "BACKEND[:PRECISION[:DEVICE]]", which measures. batch_size: images per batch; None for the profile's own, or 1.

    Raises BudgetError if a value is out of range.
    """

    ms: float = field(metadata=Setting("Milliseconds per image.", above=0).metadata)
    source: str = setting(DEFAULT_SOURCE, "Source of the latency: predictor:PROFILE, or a back end that measures.")
    batch_size: int | None = setting(None, "Batch size of the latency.", least=1, shown="the profile's, else 1")

    def __post_init__(self) -> None:
        check_number("the latency budget", self.ms, BudgetError)
        if not self.ms > 0:
            raise BudgetError(f"the latency budget is {self.ms} ms, expected more than 0")
        if self.batch_size is not None:
            check_whole("the batch size of the latency", self.batch_size, BudgetError)

    @property
    def predicted(self) -> bool:
        """Whether a profile predicts the latency, instead of measuring it on the device."""
        return self.source.startswith(PREDICTOR)

    @property
    def way(self) -> str:
        """How the latency is known without the device, "predicted" or "estimated" by a compiler; else "measured"."""
        from latency.base import ESTIMATORS  # loads the estimators

        if self.predicted:
            return "predicted"
        return "estimated" if self.source.partition(":")[0] in ESTIMATORS else "measured"

    @property
    def label(self) -> str:
        """The name of the device: the profile's name without its folder, or the source."""
        name = self.source.removeprefix(PREDICTOR)
        return Path(name).stem if name.endswith(".json") else name

    def __str__(self) -> str:
        return f"latency ≤ {self.ms:g} ms ({self.label})"


@dataclass(frozen=True, slots=True)
class Budget:
    """Upper limits of a network's cost; None for no limit.

    params: parameters. flops: multiply–accumulates per image. layers: Zen-NAS's depth. ram: bytes of the arena of
    activations for one image in INT8, see `PlainNet.ram`. flash: bytes of the file in INT8, see `PlainNet.flash`.
    latency: one limit for each device. any_depth: whether depth is not limited, even if only latency or RAM is.
    within_profile: whether predicted latencies must be of networks in the profiles' measured ranges.

    Raises BudgetError if a limit is out of range, a device has several limits, or `any_depth` contradicts `layers`.
    """

    params: int | None = setting(
        None, "Largest number of parameters, like 1M or 1e6.", least=1, flag="--budget-params", panel=BUDGET
    )
    flops: int | None = setting(
        None,
        "Largest number of multiply-accumulates per image, like 400M.",
        least=1,
        flag="--budget-flops",
        panel=BUDGET,
    )
    layers: int | None = setting(
        None,
        "Largest number of layers (sum of sub_layers). Set it: depth raises the score, and without a limit networks "
        "become too deep to train.",
        least=1,
        flag="--max-layers",
        panel=BUDGET,
        shown=f"{DEFAULT_LAYERS} if only latency or RAM is limited, else no limit",
    )
    latency: tuple[LatencyLimit, ...] = ()
    any_depth: bool = setting(
        False, "Lift the limit of layers that a search has if only its latency or RAM is limited.", panel=BUDGET
    )
    within_profile: bool = setting(
        False,
        "Only search networks whose kernels lie in the measured ranges of the latency profiles.",
        flag="--within-profile",
        panel=BUDGET,
    )
    ram: int | None = setting(
        None,
        "Largest arena of activations for one image in INT8, in bytes, like 256k.",
        least=1,
        flag="--budget-ram",
        panel=BUDGET,
    )
    flash: int | None = setting(
        None,
        "Largest file in INT8, in bytes, like 1M.",
        least=1,
        flag="--budget-flash",
        panel=BUDGET,
    )

    def __post_init__(self) -> None:
        for name, limit in {**self.limits(), **self.memories()}.items():
            check_whole(f"the budget for {name}", limit, BudgetError)
        sources = [limit.source for limit in self.latency]
        for source in sources:
            if sources.count(source) > 1:
                raise BudgetError(f"{source} has {sources.count(source)} latency budgets, expected one")
        check_kind("any_depth", self.any_depth, bool, BudgetError)
        if self.any_depth and self.layers is not None:
            raise BudgetError(f"any_depth contradicts the limit of {self.layers} layers: leave one of them out")

    def __bool__(self) -> bool:
        return bool(self.limits() or self.latency or self.memories())

    def limits(self) -> dict[str, int]:
        """Return the limits of counts that are set, by name; not those of memories, which are no part of a `Cost`."""
        values = {"params": self.params, "flops": self.flops, "layers": self.layers}
        return {name: value for name, value in values.items() if value is not None}

    def memories(self) -> dict[str, int]:
        """Return the limits of RAM and flash that are set, in bytes, by the names in `memories.MEMORIES`."""
        values = {"ram": self.ram, "flash": self.flash}
        return {name: value for name, value in values.items() if value is not None}

    def violation(self, cost: Cost) -> str | None:
        """Return the name of the first count whose limit `cost` exceeds, None if it fits."""
        # Written out instead of a loop over limits(), because a search calls this for every candidate.
        if self.layers is not None and cost.layers > self.layers:
            return "layers"
        if self.params is not None and cost.params > self.params:
            return "params"
        if self.flops is not None and cost.flops > self.flops:
            return "flops"
        return None

    def excess(self, cost: Cost) -> float:
        """Return the largest ratio of a count to its limit: at most 1 if `cost` fits, 0 without limits."""
        return max((getattr(cost, name) / limit for name, limit in self.limits().items()), default=0.0)

    def to_json(self) -> dict[str, Any]:
        """Return the limits that are set, for JSON."""
        latency = {"latency": [asdict(limit) for limit in self.latency]} if self.latency else {}
        flags = {name: True for name in ("any_depth", "within_profile") if getattr(self, name)}
        return {**self.limits(), **self.memories(), **latency, **flags}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Budget:
        """Read a budget, also of older runs without latencies. Raises TypeError for data that cannot be read."""
        values = dict(stored)
        latency = values.pop("latency", None) or ()
        return cls(**values, latency=tuple(LatencyLimit(**limit) for limit in latency))

    def __str__(self) -> str:
        limits = [f"{name} ≤ {format_count(limit)}" for name, limit in self.limits().items()]
        limits += [f"{name} ≤ {format_count(limit)} bytes" for name, limit in self.memories().items()]
        within = ["within the measured range"] if self.within_profile else []
        return ", ".join([*limits, *map(str, self.latency), *within]) or "no budget"
