"""How well a profile predicts whole networks: each is measured here and predicted, and the errors are summed up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from random import Random
from statistics import median
from typing import Any

from latency.base import LatencyError, MeasureSettings, UnavailableError
from latency.fitting.errors import Errors, errors
from latency.measuring.measure import measure
from latency.predicting.profile import Profile
from PlainNet import parse
from PlainNet.cost import cost
from PlainNet.progress import WorkProgress, unwatched
from SearchSpace import load_space
from zennas.budget.meters import here
from zennas.named.networks import Network, network
from zennas.report.predictions import predict

TORCHVISION_NETWORKS = ("torchvision:resnet18", "torchvision:mobilenet_v2")
RANDOM = 5
"""Networks drawn from each space where none are named."""
_FLOPS = (2e7, 2e9)


@dataclass(frozen=True)
class Row:
    """A network's latency for one image in ms, measured and predicted. settled: whether the measurement was."""

    network: str
    measured_ms: float
    predicted_ms: float
    settled: bool

    @property
    def error(self) -> float:
        return self.predicted_ms / self.measured_ms - 1

    def to_json(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "measured_ms": self.measured_ms,
            "predicted_ms": self.predicted_ms,
            "error_percent": 100 * self.error,
            "settled": self.settled,
        }


@dataclass(frozen=True)
class Refused:
    """A network that the back end does not run, or the profile does not predict, and why."""

    network: str
    reason: str

    def __str__(self) -> str:
        return self.reason if self.network in self.reason else f"{self.network}: {self.reason}"


@dataclass(frozen=True)
class ProfileEvaluation:
    """How far predictions are off. errors: over `rows`, of which there is at least one; `refused` are in no figure."""

    rows: tuple[Row, ...]
    errors: Errors
    refused: tuple[Refused, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            **self.errors.to_json(),
            "networks": [row.to_json() for row in self.rows],
            "refused": [asdict(one) for one in self.refused],
        }

    def refused_text(self) -> list[str]:
        """What was left out and why, as lines."""
        return [f"left out: {one}" for one in self.refused]


def measured_as(
    profile: Profile, batch_size: int | None = None, seconds: float = 5.0, device: str | None = None
) -> MeasureSettings:
    """How the profile's device is measured here. Raises LatencyError where it is not here, unless `device` is named."""
    batch = batch_size or profile.batch
    if device is None:
        how = here(profile, batch)
        if isinstance(how, str):
            raise LatencyError(f"{how}: evaluate profile {profile.name} there, or name a --device of this machine")
        return replace(how, seconds=seconds)
    threads = profile.hardware.units if device == "cpu" else 1
    return MeasureSettings(profile.backend, profile.precision, device, batch, threads, seconds=seconds)


def evaluate(
    profile: Profile,
    networks: Sequence[Network],
    settings: MeasureSettings,
    progress: WorkProgress = unwatched,
) -> ProfileEvaluation:
    """Measure and predict each network; one that is refused is left out, with the reason.

    Raises LatencyError where all are refused, UnavailableError where the back end does not run here at all.
    """
    rows: list[Row] = []
    refused: list[Refused] = []
    for i, one in enumerate(networks):
        progress(i, len(networks), one.name)
        try:
            rows.append(_row(one, profile, settings))
        except UnavailableError:  # says nothing of the network
            raise
        except LatencyError as reason:
            refused.append(Refused(one.name, str(reason)))
    progress(len(networks), len(networks), "")
    if refused and not rows:
        raise LatencyError(
            f"profile {profile.name} cannot be evaluated, refused networks: {len(refused)} of {len(networks)}; "
            f"the first: {refused[0]}"
        )
    found = errors([row.predicted_ms for row in rows], [row.measured_ms for row in rows])
    return ProfileEvaluation(tuple(rows), found, tuple(refused))


def _row(one: Network, profile: Profile, settings: MeasureSettings) -> Row:
    """Raises LatencyError."""
    predicted = predict(one, profile, settings.batch_size).latency_ms  # first: it takes no time, and may be refused
    stats = measure(one.subject(), settings)
    return Row(one.name, stats.latency_ms, predicted, stats.settled)


def drift(profile: Profile, settings: MeasureSettings) -> float | None:
    """How many times as long as when it was profiled the machine takes now, by networks that were measured then.

    The median of a few; None where the profile has none. Raises LatencyError.
    """
    ratios = []
    for one in profile.about.get("reference", ()):
        structure = parse(one["structure"])
        again = Network("reference", one["resolution"], one["num_classes"], one["use_se"], structure)
        ratios.append(measure(again.subject(), settings).median / one["whole_ms"])
    return median(ratios) if ratios and settings.batch_size == profile.batch else None


def drift_text(ratio: float | None, rows: Sequence[Row]) -> list[str]:
    """What the drift is, and the errors with it taken out, as lines."""
    if ratio is None:
        return []
    found = errors([row.predicted_ms * ratio for row in rows], [row.measured_ms for row in rows])
    return [
        f"networks of the profile's sample take {ratio:.2f} times as long now as when they were measured for it",
        f"with that taken out: {found}",
    ]


def usual_networks(seed: int = 1) -> list[Network]:
    """The published networks, random ones of XXBL and IDW_fixfc, and two of torchvision's."""
    import ZenNet

    published = [network(name) for name in ZenNet.zennet_model_zoo if "cifar100" not in name]
    return [*published, *random_networks(seed), *map(network, TORCHVISION_NETWORKS)]


def random_networks(seed: int) -> list[Network]:
    """`RANDOM` ends of random walks in each of the two spaces, at 224 pixels, neither tiny nor huge."""
    found: list[Network] = []
    for name in ("XXBL", "IDW_fixfc"):
        space, rng = load_space(name), Random(f"{seed}-{name}")
        while sum(one.name.startswith(f"{name} ") for one in found) < RANDOM:
            structure = space.sample(rng)
            flops = cost(structure, resolution=224, num_classes=1000).flops
            if _FLOPS[0] <= flops <= _FLOPS[1]:
                found.append(Network(f"{name} {structure}", 224, 1000, False, structure))
    return found
