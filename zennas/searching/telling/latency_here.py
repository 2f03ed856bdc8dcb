"""What the winner of a search without a latency budget costs on this machine, and what a ResNet costs there.

A shipped profile of this processor predicts it, in milliseconds. Without one it is measured for a fraction of a second,
if the search has imported torch anyway: a closed-form search never does. The result is a fact of the run's report; the
search does not depend on it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from latency.base import LatencyError, MeasureSettings
from PlainNet import Options
from zennas.budget.meters import same_device
from zennas.runs.candidate import Candidate
from zennas.searching.settings import SearchSettings
from zennas.searching.telling.resnets import ResNet, resnet_of

HERE_FACT = "latency_here"
"""The name of the fact with the JSON of a `LatencyHere`."""
PROFILE = "this-machine-fp32"
"""The shipped profile of a CPU in single precision, which predicts if the CPU is of this kind."""
LARGEST = 200_000_000
"""Networks of more multiply–accumulates are not measured: preparing them takes longer than a fraction of a second."""
_QUICK = MeasureSettings("torch", relative_error=0.05, seconds=0.1)


class Yardstick(NamedTuple):
    """A ResNet of about equal FLOPs: its name, multiply–accumulates, and milliseconds per image."""

    name: str
    flops: int
    ms: float


@dataclass(frozen=True)
class LatencyHere:
    """The latency of a network on the machine of its search, in milliseconds per image.

    ms: predicted, or the median of a measurement. way: "predicted" or "measured".
    spread: how sure it is, such as "typical error 6 %" or "95 % interval 0.43–0.45"; "" if that is not known.
    device: the processor. conditions: back end, precision, threads and batch size.
    resnet: the same for a ResNet of about equal FLOPs, if there is one.
    """

    ms: float
    way: str
    spread: str
    device: str
    conditions: str
    resnet: Yardstick | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields for JSON; times are in milliseconds per image."""
        resnet = None if self.resnet is None else self.resnet._asdict()
        return {**asdict(self), "resnet": resnet}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> LatencyHere:
        """Read what `to_json` returns. Raises TypeError for anything else."""
        resnet = stored.get("resnet")
        return cls(**{**stored, "resnet": None if resnet is None else Yardstick(**resnet)})


def latency_here(best: Candidate, settings: SearchSettings) -> LatencyHere | None:
    """Return the latency of the winner on this machine, or None if there is no quick way to know it."""
    resnet = resnet_of(best.cost.flops, settings.resolution, settings.num_classes)
    try:
        found = _predicted(best, settings, resnet)
        return found if found is not None else _measured(best, settings, resnet)
    except LatencyError:  # a kernel that the profile does not know, or too little memory: the report goes without it
        return None


def _predicted(best: Candidate, settings: SearchSettings, resnet: ResNet | None) -> LatencyHere | None:
    from latency.measuring.conditions import processor
    from latency.predicting.predictor import Predictor
    from latency.predicting.profile import OUTSIDE, load_profile

    profile = load_profile(PROFILE)
    if not same_device(profile.device, processor()):
        return None
    size, classes = settings.resolution, settings.num_classes
    predict = Predictor(profile, resolution=size, num_classes=classes, options=Options(use_se=settings.use_se))
    error = profile.typical_error
    spread = "" if error is None else f"typical error {error:.0f} %"
    if profile.grade(predict.kernels(predict.lowered(best.structure))) == OUTSIDE:
        spread = "extrapolated"
    how = MeasureSettings(profile.backend, profile.precision, batch_size=profile.batch, threads=profile.hardware.units)
    ms = predict(best.structure)
    yardstick = None
    if resnet is not None:
        plain = Predictor(profile, resolution=size, num_classes=classes)
        yardstick = Yardstick(resnet.name, resnet.cost.flops, plain(resnet.structure))
    return LatencyHere(ms, "predicted", spread, profile.device, str(how), yardstick)


def _measured(best: Candidate, settings: SearchSettings, resnet: ResNet | None) -> LatencyHere | None:
    if "torch" not in sys.modules or best.cost.flops > LARGEST:
        return None
    from latency.measuring.conditions import processor
    from latency.measuring.measure import compare
    from latency.measuring.subject import of_structure

    size, classes = settings.resolution, settings.num_classes
    subjects = [of_structure(best.structure, size, classes, settings.use_se)]
    subjects += [] if resnet is None else [of_structure(resnet.structure, size, classes)]
    ours, *others = compare(subjects, _QUICK)
    spread = "" if ours.interval is None else "95 % interval {:.3g}–{:.3g}".format(*ours.interval)
    if not ours.settled:
        spread += f"{'; ' if spread else ''}not settled"
    yardstick = None if resnet is None else Yardstick(resnet.name, resnet.cost.flops, others[0].latency_ms)
    return LatencyHere(ours.latency_ms, "measured", spread, processor(), str(_QUICK), yardstick)
