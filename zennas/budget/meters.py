"""Meters of the latencies that a budget limits: a profile predicts them, a compiler estimates them, or a back end
measures them here.

A search calls `Predicted` or `Asked` for every candidate. `here` says whether a profile's device is
available on this machine, so that `searching/choosing/finals.py` can measure the best networks as well.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from latency.base import LatencyError
from PlainNet import Options, Structure
from zennas.budget.budgets import PREDICTOR, Budget, LatencyLimit
from zennas.budget.sources import Compiler, backend_source, estimator_source, profile_compiler, settled_limit
from zennas.common.errors import WrongSettingError
from zennas.named.settings import NetworkSettings
from zennas.runs.candidate import Latency

if TYPE_CHECKING:
    from collections.abc import Callable

    from latency.base import Estimate, LatencyStats, MeasureSettings
    from latency.predicting.profile import Profile
    from PlainNet.arrays.blocks import Blocks, Placed
    from PlainNet.arrays.structures import Floats

_QUICK = (0.02, 2.0)
"""Relative error and seconds of a measurement in a search's loop."""
_CAREFUL = (0.01, 10.0)
"""Relative error and seconds of a measurement of one of the best networks."""


Way: TypeAlias = "MeasureSettings | Compiler | str"
"""How the latencies of the best networks are checked, or why they are not."""
LatencyArrays: TypeAlias = "Callable[[Placed], Floats]"
"""Predicts many structures at once: milliseconds per image (structures,); NaN where there is no latency."""

_MAKERS = {"nvidia", "tesla", "amd", "intel", "r", "tm"}


class Device(Protocol):
    """A meter of the latency of networks on one device."""

    limit: LatencyLimit

    def __call__(self, structure: Structure) -> Latency:
        """Return the latency in milliseconds per image.

        Raises LatencyError if it cannot be found, StructureError if the structure is not a network.
        """

    def how(self) -> Way:
        """Return how to measure the best networks here or estimate them, or the reason why that is not possible."""

    def profile(self) -> Profile | None:
        """Return the profile that predicts; None if nothing is predicted."""

    def outside(self, structure: Structure) -> list[str]:
        """Describe what is extrapolated for the network, one line each."""

    def beyond(self, structure: Structure) -> list[str]:
        """Describe which kernels lie outside the profile's measured ranges; nothing if latencies are measured."""

    def arrays(self, blocks: Blocks) -> LatencyArrays | None:
        """Return the array form for structures whose blocks are numbered by `blocks`; None if there is none."""


class Predicted:
    """Predicts latencies from a profile, in microseconds. profile: None for the one that the limit names."""

    def __init__(self, limit: LatencyLimit, settings: NetworkSettings, profile: Profile | None = None) -> None:
        from latency.predicting.predictor import Predictor
        from latency.predicting.profile import load_profile

        self.limit = limit
        self._predict = Predictor(
            profile or load_profile(limit.source.removeprefix(PREDICTOR)),
            resolution=settings.resolution,
            num_classes=settings.num_classes,
            options=Options(use_se=settings.use_se),
            batch_size=limit.batch_size,
        )

    def __call__(self, structure: Structure) -> Latency:
        return Latency(self._predict(structure))

    def how(self) -> Way:
        return here(self._predict.profile, self._predict.batch_size)

    def profile(self) -> Profile | None:
        return self._predict.profile

    def outside(self, structure: Structure) -> list[str]:
        return self._predict.profile.outside(self._predict.kernels(self._predict.lowered(structure)))

    def beyond(self, structure: Structure) -> list[str]:
        return self._predict.profile.beyond(self._predict.kernels(self._predict.lowered(structure)))

    def arrays(self, blocks: Blocks) -> LatencyArrays | None:
        from latency.predicting.arrays import PredictorArrays

        return PredictorArrays(self._predict, blocks)


class Asked:
    """Measures latencies, or lets a compiler estimate them, in seconds each. Known latencies are not asked for again.

    ask: returns the latency of a structure. how: see `Device.how`.
    """

    def __init__(self, limit: LatencyLimit, ask: Callable[[Structure], Latency], how: Way) -> None:
        self.limit = limit
        self._ask, self._how = ask, how
        self._known: dict[Structure, Latency] = {}

    def __call__(self, structure: Structure) -> Latency:
        known = self._known.get(structure)
        if known is None:
            known = self._known[structure] = self._ask(structure)
        return known

    def how(self) -> Way:
        return self._how

    def profile(self) -> Profile | None:
        return None

    def outside(self, structure: Structure) -> list[str]:
        return []

    def beyond(self, structure: Structure) -> list[str]:
        return []

    def arrays(self, blocks: Blocks) -> LatencyArrays | None:
        return None


def measuring(limit: LatencyLimit, settings: NetworkSettings) -> Asked:
    """Return a meter that runs networks here. Raises WrongSettingError for an unknown back end."""
    from latency.base import MeasureSettings

    error, seconds = _QUICK
    batch = limit.batch_size or 1
    quick = MeasureSettings(*backend_source(limit.source), batch, relative_error=error, seconds=seconds)
    error, seconds = _CAREFUL
    careful = replace(quick, relative_error=error, seconds=seconds)
    return Asked(limit, lambda structure: as_latency(measured(structure, settings, quick)), careful)


def estimating(limit: LatencyLimit, settings: NetworkSettings, compiler: Compiler) -> Asked:
    """Return a meter that lets a compiler estimate latencies."""

    def ask(structure: Structure) -> Latency:
        return Latency(estimated(structure, settings, compiler).ms)

    return Asked(limit, ask, f"no device was timed, this is what the compiler {compiler.estimator.name} estimates")


def estimated(structure: Structure, settings: NetworkSettings, compiler: Compiler) -> Estimate:
    """Let a compiler estimate the latency of a network.

    Raises LatencyError, also for a network with an operator that does not run on the accelerator, as nobody knows how
    long that takes.
    """
    from latency.measuring.subject import of_structure

    subject = of_structure(structure, settings.resolution, settings.num_classes, settings.use_se)
    found = compiler.estimator.estimate(subject.graph, subject.build, compiler.configuration)
    if found.elsewhere:
        raise LatencyError(
            f"{found.elsewhere[0]} does not run on {compiler.configuration}, and {found.compiler} does not know how "
            "long it takes: change the space, or use --target"
        )
    return found


def checked(
    structure: Structure, settings: NetworkSettings, way: MeasureSettings | Compiler, predicted: float | None
) -> tuple[Latency, dict[str, Any]]:
    """Return the latency of a network, measured here or estimated by a compiler, and its conditions.

    Raises LatencyError.
    """
    if isinstance(way, Compiler):
        made = estimated(structure, settings, way)
        return Latency(predicted, made.ms), {"compiler": made.compiler, "system": made.system}
    stats = measured(structure, settings, way)
    return as_latency(stats, predicted), stats.conditions


def devices(budget: Budget, settings: NetworkSettings) -> list[Device]:
    """Return a meter for each latency limit, those that predict first. Raises ProfileError."""
    limits = sorted(budget.latency, key=lambda limit: not limit.predicted)
    return [_device(limit, settings) for limit in limits]


def _device(limit: LatencyLimit, settings: NetworkSettings) -> Device:
    if limit.predicted:
        return Predicted(limit, settings)
    found = estimator_source(limit.source)
    return measuring(limit, settings) if found is None else estimating(limit, settings, found)


def completed_latency(budget: Budget) -> Budget:
    """Return the budget with all latency limits completed.

    Raises the errors of `settled_limit`, and WrongSettingError for `within_profile` without a predicted latency.
    """
    if budget.within_profile and not any(limit.predicted for limit in budget.latency):
        raise WrongSettingError(
            "within_profile needs a latency that a profile predicts: add --budget-latency-ms MS --latency-backend "
            f"{PREDICTOR}PROFILE, or leave out --within-profile"
        )
    return replace(budget, latency=tuple(map(settled_limit, budget.latency))) if budget.latency else budget


def digests(budget: Budget) -> dict[str, str]:
    """Return a hash of each profile that the budget uses, without the texts of its card, by source.

    Raises ProfileError.
    """
    predicted = [limit.source for limit in budget.latency if limit.predicted]
    if not predicted:
        return {}
    from latency.predicting.profile import load_profile

    found = {}
    for source in predicted:
        content = {**load_profile(source.removeprefix(PREDICTOR)).to_json(), "about": None}  # predicts nothing
        found[source] = sha256(json.dumps(content).encode()).hexdigest()
    return found


def here(profile: Profile, batch_size: int) -> Way:
    """Return how to measure on the profile's device, or why that is not possible, usually because it is elsewhere.

    For a profile of a compiler's estimates, return the compiler.
    """
    from latency.base import BACKENDS, MeasureSettings
    from latency.measuring.conditions import gpu, processor

    compiler = profile_compiler(profile)
    if compiler is not None:
        missing = compiler.estimator.available()
        return compiler if missing is None else f"{profile.backend} cannot run here: {missing}"
    graphics = gpu("cuda") or {}
    if same_device(profile.device, processor()):
        device, threads = "cpu", profile.hardware.units
    elif same_device(profile.device, graphics.get("name", "")):
        device, threads = "cuda", 1
    else:
        return f"{profile.device} is not here"
    if profile.backend not in BACKENDS:
        return f"there is no back end {profile.backend} here"
    reason = BACKENDS.get(profile.backend).available(profile.precision, device)
    if reason is not None:
        return f"{profile.backend} cannot run here: {reason}"
    error, seconds = _CAREFUL
    return MeasureSettings(
        profile.backend, profile.precision, device, batch_size, threads, relative_error=error, seconds=seconds
    )


def same_device(named: str, found: str) -> bool:
    """Whether a device's name matches the one found: "NVIDIA V100" is "Tesla V100-SXM2-16GB", an A10 is not an A100."""
    ours, theirs = (set(re.findall(r"\w+", text.casefold())) - _MAKERS for text in (named, found))
    return bool(ours) and ours <= theirs


def measured(structure: Structure, settings: NetworkSettings, how: MeasureSettings) -> LatencyStats:
    """Measure the latency of a network now. Raises LatencyError."""
    from latency.measuring.measure import measure
    from latency.measuring.subject import of_structure

    subject = of_structure(structure, settings.resolution, settings.num_classes, settings.use_se)
    return measure(subject, how)


def as_latency(stats: LatencyStats, predicted: float | None = None) -> Latency:
    """Return the measured values in milliseconds per image."""
    batch = stats.settings.batch_size
    low, high = (None, None) if stats.interval is None else (end / batch for end in stats.interval)
    return Latency(predicted, stats.latency_ms, low, high, stats.p90 / batch, stats.settled)
