"""A profile as of now: its references are timed again on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace

from latency.base import LatencyError, MeasureSettings
from latency.fitting.drifting import Timed, drift_of, no_references
from latency.kernels import group
from latency.measuring.measure import measure
from latency.predicting.drift import Drift
from latency.predicting.profile import Profile
from PlainNet import parse
from PlainNet.progress import WorkProgress, unwatched
from zennas.named.networks import Network

REFERENCE_SECONDS = 1.0
"""Time limit for each reference of a profile."""


@dataclass(frozen=True)
class Recalibrated:
    """A profile as of now.

    drift: that of the profile. references: how many were timed. unsettled: how many of them have no stable latency,
    because the machine was busy.
    """

    profile: Profile
    drift: Drift
    references: int
    unsettled: int

    def text(self) -> list[str]:
        """The drift in one line, and in another how far it can be trusted if the machine was busy."""
        found = [f"{self.profile.name} as of {self.drift.at}: {self.drift}"]
        if self.unsettled:
            found.append(
                f"{self.unsettled} of {self.references} references were not settled: this is the drift of a busy "
                "machine, and will change with what else it does"
            )
        return found


def can_recalibrate(profile: Profile, batch_size: int) -> bool:
    """Whether a profile has references, timed in batches of that size."""
    return bool(profile.about.get("reference")) and batch_size == profile.batch


def as_of_now(
    profile: Profile, settings: MeasureSettings, seconds: float = REFERENCE_SECONDS, progress: WorkProgress = unwatched
) -> Recalibrated:
    """Return the profile with the drift of this machine since it was made.

    Its references are timed for at most `seconds` each. Raises LatencyError if it has none, or if the batch size
    differs from that of the profile, for which they were timed.
    """
    references = profile.about.get("reference", ())
    if not references:
        raise no_references(profile)
    if settings.batch_size != profile.batch:
        raise LatencyError(
            f"the references of profile {profile.name} were timed in batches of {profile.batch}, not "
            f"{settings.batch_size}: leave out --batch-size"
        )
    made = replace(profile, drift=None)
    how = replace(settings, seconds=seconds)
    timed, unsettled = [], 0
    for i, one in enumerate(references):
        progress(i, len(references), one["structure"])
        structure = parse(one["structure"])
        again = Network("reference", one["resolution"], one["num_classes"], one["use_se"], structure)
        kernels = [kernel for kernel, _ in group(again.graph, profile.fusion, profile.batch)]
        stats = measure(again.subject(), how)
        timed.append(Timed(kernels, one["whole_ms"], stats.median))
        unsettled += not stats.settled
    progress(len(references), len(references), "")
    drift = drift_of(made, timed)
    return Recalibrated(replace(made, drift=drift), drift, len(references), unsettled)
