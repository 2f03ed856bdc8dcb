"""The errors of a profile on whole networks: each network is measured here and predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import Any

from latency.base import BACKENDS, LatencyError, MeasureSettings, UnavailableError
from latency.fitting.errors import Errors, errors
from latency.measuring.measure import measure
from latency.predicting.profile import Profile
from PlainNet.cost import cost
from PlainNet.progress import WorkProgress, unwatched
from PlainNet.sizes import Size
from SearchSpace import load_space
from zennas.budget.meters import here
from zennas.budget.recalibrating import Recalibrated
from zennas.budget.sources import Compiler, profile_compiler
from zennas.named.networks import Network, network
from zennas.report.predictions import predict

TORCHVISION_NETWORKS = ("torchvision:resnet18", "torchvision:resnet34", "torchvision:mobilenet_v2")
RANDOM = 5
"""Number of random networks of each space, if no networks are named."""
_FLOPS = (2e7, 2e9)


@dataclass(frozen=True)
class Row:
    """A network's latency in ms per image, measured and predicted.

    resolution: size of the input in pixels. settled: whether the measurement is stable. of: the network itself.
    """

    network: str
    resolution: Size
    measured_ms: float
    predicted_ms: float
    settled: bool
    of: Network = field(repr=False, compare=False)

    @property
    def error(self) -> float:
        """The relative error of the prediction: predicted / measured − 1."""
        return self.predicted_ms / self.measured_ms - 1

    def to_json(self) -> dict[str, Any]:
        """Return the row for JSON, with times in ms per image."""
        return {
            "network": self.network,
            "resolution": self.resolution,
            "measured_ms": self.measured_ms,
            "predicted_ms": self.predicted_ms,
            "error_percent": 100 * self.error,
            "settled": self.settled,
        }


@dataclass(frozen=True)
class Refused:
    """A network that the back end cannot run or the profile cannot predict, and the reason."""

    network: str
    reason: str

    def __str__(self) -> str:
        return self.reason if self.network in self.reason else f"{self.network}: {self.reason}"


@dataclass(frozen=True)
class ProfileEvaluation:
    """Errors of predictions. errors: over `rows`, at least one; `refused` networks are not included. batch_size: images
    at once."""

    rows: tuple[Row, ...]
    errors: Errors
    batch_size: int
    refused: tuple[Refused, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return errors, rows and refused networks for JSON."""
        return {
            **self.errors.to_json(),
            "networks": [row.to_json() for row in self.rows],
            "refused": [asdict(one) for one in self.refused],
        }

    def predicted_by(self, profile: Profile) -> ProfileEvaluation:
        """Return the evaluation of another profile on the same measurements. Raises ProfileError."""
        rows = tuple(
            replace(row, predicted_ms=predict(row.of, profile, self.batch_size).latency_ms) for row in self.rows
        )
        found = errors([row.predicted_ms for row in rows], [row.measured_ms for row in rows])
        return replace(self, rows=rows, errors=found)

    def refused_text(self) -> list[str]:
        """Describe what was left out and why, one line each."""
        return [f"left out: {one}" for one in self.refused]


def measured_as(
    profile: Profile, batch_size: int | None = None, seconds: float = 5.0, device: str | None = None
) -> MeasureSettings:
    """Return how to measure the profile's device here.

    batch_size: None for the profile's own. seconds: time limit per network. device: overrides the check that the
    device is this machine's. Raises LatencyError if the device is not here.
    """
    batch = batch_size or profile.batch
    if profile_compiler(profile) is not None:
        raise LatencyError(
            f"profile {profile.name} predicts what the compiler {profile.backend} estimates, and no device is timed: "
            f"compare with zennas latency estimate NETWORK --backend {profile.backend}:{profile.device}"
        )
    if device is None:
        how = here(profile, batch)
        assert not isinstance(how, Compiler)
        if isinstance(how, str):
            raise LatencyError(f"{how}: measure profile {profile.name} there, or name a --device of this machine")
        return replace(how, seconds=seconds)
    threads = profile.hardware.units if device == "cpu" else 1
    return MeasureSettings(profile.backend, profile.precision, device, batch, threads, seconds=seconds)


def evaluate(
    profile: Profile,
    networks: Sequence[Network],
    settings: MeasureSettings,
    progress: WorkProgress = unwatched,
) -> ProfileEvaluation:
    """Measure and predict each network. Networks that are refused are left out, with the reason.

    Raises LatencyError if the profile is of another tool, or all networks are refused, and UnavailableError if the back
    end cannot run here at all.
    """
    if profile.backend not in BACKENDS:
        raise LatencyError(
            f"profile {profile.name} is of the library {profile.backend!r}, which zennas cannot measure with: its "
            f"device was measured with another tool (back ends here: {', '.join(BACKENDS.names())})"
        )
    rows: list[Row] = []
    refused: list[Refused] = []
    for i, one in enumerate(networks):
        progress(i, len(networks), one.name)
        try:
            rows.append(_row(one, profile, settings))
        except UnavailableError:  # this has nothing to do with the network
            raise
        except LatencyError as reason:
            refused.append(Refused(one.name, str(reason)))
    progress(len(networks), len(networks), "")
    if refused and not rows:
        raise LatencyError(
            f"profile {profile.name} cannot be evaluated, {len(refused)} of {len(networks)} networks were refused; "
            f"the first: {refused[0]}"
        )
    found = errors([row.predicted_ms for row in rows], [row.measured_ms for row in rows])
    return ProfileEvaluation(tuple(rows), found, settings.batch_size, tuple(refused))


def _row(one: Network, profile: Profile, settings: MeasureSettings) -> Row:
    """Measure and predict one network. Raises LatencyError."""
    predicted = predict(one, profile, settings.batch_size).latency_ms  # first, because it is fast and may be refused
    stats = measure(one.subject(), settings)
    return Row(one.name, one.resolution, stats.latency_ms, predicted, stats.settled, one)


def drift_text(evaluation: ProfileEvaluation, now: Recalibrated) -> list[str]:
    """Describe the drift of a recalibrated profile and the errors with it, as lines."""
    return [*now.text(), f"as of now: {evaluation.predicted_by(now.profile).errors}"]


def usual_networks(seed: int = 1) -> list[Network]:
    """Return the published networks, random ones of XXBL and IDW_fixfc, and three of torchvision's."""
    import ZenNet

    published = [network(name) for name in ZenNet.zennet_model_zoo if "cifar100" not in name]
    return [*published, *random_networks(seed), *map(network, TORCHVISION_NETWORKS)]


def random_networks(seed: int) -> list[Network]:
    """Return `RANDOM` random networks of each of the two spaces, at 224 pixels, neither very small nor very large."""
    found: list[Network] = []
    for name in ("XXBL", "IDW_fixfc"):
        space, rng = load_space(name), Random(f"{seed}-{name}")
        while sum(one.name.startswith(f"{name} ") for one in found) < RANDOM:
            structure = space.sample(rng)
            flops = cost(structure, resolution=224, num_classes=1000).flops
            if _FLOPS[0] <= flops <= _FLOPS[1]:
                found.append(Network(f"{name} {structure}", 224, 1000, False, structure))
    return found
