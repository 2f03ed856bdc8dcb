"""What is asked of the costs in the loss of a search in a supernet. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PlainNet.sizes import Size
from zennas.common.errors import WrongSettingError
from zennas.common.limits import MAX_RESOLUTION
from zennas.common.settings import check, setting
from zennas.supernet.errors import SupernetError

PREDICTOR, TABLE = "predictor:", "table:"
ADD, MUL, MUL_LOG = "add", "mul", "mul#log"
FORMS = (ADD, MUL, MUL_LOG)
_COST = "Cost in the loss"


class CostSettingsError(SupernetError, WrongSettingError):
    """A setting of the costs is out of range, or two contradict each other."""


@dataclass(frozen=True)
class CostSettings:
    """The costs in the loss, and what is aimed at. The help text of each field describes it.

    Raises CostSettingsError if a value is out of range, latencies and their sources differ in number, or strengths are
    given without a cost.
    """

    latency_backend: tuple[str, ...] = setting(
        (),
        "Source of a latency: predictor:PROFILE, or table:FILE with a latency for each block. Repeatable.",
        metavar="NAME",
        panel=_COST,
    )
    ref_latency_ms: tuple[float, ...] = setting(
        (), "The latency to aim at, one for each source.", unit="ms", metavar="MS", panel=_COST
    )
    ref_flops: int | None = setting(
        None, "The FLOPs (multiply–accumulates) to aim at.", least=1, shown="not in the loss", panel=_COST
    )
    ref_params: int | None = setting(
        None, "The number of parameters to aim at.", least=1, shown="not in the loss", panel=_COST
    )
    ref_ram: int | None = setting(
        None,
        "The RAM of activations for one image in INT8 to aim at, in bytes.",
        least=1,
        shown="not in the loss",
        panel=_COST,
    )
    cost_form: str = setting(
        ADD,
        "Form of the loss with expected costs E and references R: add, CE + Σ weight·(E − R)/R; mul, CE·Π (E/R)^power; "
        "mul#log, scale·CE·Π (log E / log R)^power.",
        choices=FORMS,
        panel=_COST,
    )
    cost_weight: float = setting(0.1, "Weight of the costs in the form add.", least=0, panel=_COST)
    cost_power: float = setting(0.3, "Power of the costs in the forms mul and mul#log.", least=0, panel=_COST)
    cost_scale: float = setting(0.2, "Factor of the form mul#log.", above=0, panel=_COST)
    cost_resolution: Size | None = setting(
        None,
        "Size of the images that the network is for, if the search looks at smaller or larger ones: costs are of them.",
        least=1,
        most=MAX_RESOLUTION,
        unit="pixels",
        metavar="SIZE",
        shown="that of the search",
        panel=_COST,
    )
    strengths: tuple[float, ...] = setting(
        (),
        "Strength of the costs, instead of cost-weight or cost-power. Repeatable: one search for each after one "
        "warm-up, which give a front.",
        least=0,
        flag="--strength",
        metavar="X",
        panel=_COST,
    )

    def __post_init__(self) -> None:
        check(self, CostSettingsError, flags=True)
        if len(self.latency_backend) != len(self.ref_latency_ms):
            raise CostSettingsError(
                f"{len(self.latency_backend)} latency back ends and {len(self.ref_latency_ms)} reference latencies, "
                "expected the same number of each: repeat --latency-backend NAME --ref-latency-ms MS"
            )
        for source in self.latency_backend:
            if not source.startswith((PREDICTOR, TABLE)):
                raise CostSettingsError(
                    f"latency-backend is {source!r}, expected predictor:PROFILE or table:FILE: a back end cannot "
                    "measure each of the candidates in the loss"
                )
        if self.strengths and not self.some:
            raise CostSettingsError("strengths of costs, but no cost is in the loss: name one, such as --ref-flops N")
        if len(set(self.strengths)) < len(self.strengths):
            raise CostSettingsError(f"strengths are {', '.join(map(str, self.strengths))}, expected different ones")

    @property
    def some(self) -> bool:
        """Whether any cost is in the loss."""
        counts = (self.ref_flops, self.ref_params, self.ref_ram)
        return bool(self.latency_backend) or any(one is not None for one in counts)

    def at(self, strength: float) -> CostSettings:
        """Return the settings with a single strength."""
        if self.cost_form == ADD:
            return replace(self, strengths=(), cost_weight=strength)
        return replace(self, strengths=(), cost_power=strength)
