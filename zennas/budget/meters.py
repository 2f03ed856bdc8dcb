"""What tells the latencies that a budget limits: a profile predicts them, or a back end measures them here.

A search asks `Predicted` or `Measured` for every candidate; `here` says whether the device that a profile is of can be
measured as well, which `searching/finals.py` does with the best.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

from PlainNet import Options, Structure
from zennas.budget.budgets import PREDICTOR, Budget, LatencyLimit
from zennas.budget.sources import backend_source, settled_limit
from zennas.named.settings import NetworkSettings
from zennas.runs.candidate import Latency

if TYPE_CHECKING:
    from latency.base import LatencyStats, MeasureSettings
    from latency.predicting.profile import Profile

_QUICK = (0.02, 2.0)
"""Relative error and seconds of a measurement in a search's loop."""
_CAREFUL = (0.01, 10.0)
"""The same of one of the best."""


_MAKERS = {"nvidia", "tesla", "amd", "intel", "r", "tm"}


class Device(Protocol):
    """Tells the latency of networks on one device."""

    limit: LatencyLimit

    def __call__(self, structure: Structure) -> Latency:
        """Raises LatencyError where there is none, StructureError where the structure is no network."""

    def how(self) -> MeasureSettings | str:
        """How to measure the best here, or why that is not possible."""

    def outside(self, structure: Structure) -> list[str]:
        """What of the network is extrapolated, one line each."""


class Predicted:
    """By a profile, in microseconds."""

    def __init__(self, limit: LatencyLimit, settings: NetworkSettings) -> None:
        from latency.predicting.predictor import Predictor
        from latency.predicting.profile import load_profile

        self.limit = limit
        self._predict = Predictor(
            load_profile(limit.source.removeprefix(PREDICTOR)),
            resolution=settings.resolution,
            num_classes=settings.num_classes,
            options=Options(use_se=settings.use_se),
            batch_size=limit.batch_size,
        )

    def __call__(self, structure: Structure) -> Latency:
        return Latency(self._predict(structure))

    def how(self) -> MeasureSettings | str:
        return here(self._predict.profile, self._predict.batch_size)

    def outside(self, structure: Structure) -> list[str]:
        return self._predict.profile.outside(self._predict.kernels(self._predict.lowered(structure)))


class Measured:
    """By running the network, in seconds. What was measured once is known."""

    def __init__(self, limit: LatencyLimit, settings: NetworkSettings) -> None:
        from latency.base import MeasureSettings

        self.limit = limit
        self._settings = settings
        self._known: dict[Structure, Latency] = {}
        source = backend_source(limit.source)
        error, seconds = _QUICK
        batch = limit.batch_size or 1
        self._how = MeasureSettings(*source, batch, relative_error=error, seconds=seconds)

    def __call__(self, structure: Structure) -> Latency:
        known = self._known.get(structure)
        if known is None:
            known = self._known[structure] = as_latency(measured(structure, self._settings, self._how))
        return known

    def how(self) -> MeasureSettings | str:
        error, seconds = _CAREFUL
        return replace(self._how, relative_error=error, seconds=seconds)

    def outside(self, structure: Structure) -> list[str]:
        return []


def devices(budget: Budget, settings: NetworkSettings) -> list[Device]:
    """One for each limit of latency, those that predict first. Raises ProfileError."""
    limits = sorted(budget.latency, key=lambda limit: not limit.predicted)
    return [Predicted(limit, settings) if limit.predicted else Measured(limit, settings) for limit in limits]


def settled_latency(budget: Budget) -> Budget:
    """The budget with limits of latency that say all there is to say. Raises what `settled_limit` raises."""
    return replace(budget, latency=tuple(map(settled_limit, budget.latency))) if budget.latency else budget


def digests(budget: Budget) -> dict[str, str]:
    """Fingerprints of the profiles that the budget names, by source. Raises ProfileError."""
    predicted = [limit.source for limit in budget.latency if limit.predicted]
    if not predicted:
        return {}
    from latency.predicting.profile import load_profile

    texts = {source: json.dumps(load_profile(source.removeprefix(PREDICTOR)).to_json()) for source in predicted}
    return {source: sha256(text.encode()).hexdigest() for source, text in texts.items()}


def here(profile: Profile, batch_size: int) -> MeasureSettings | str:
    """How to measure on the device that the profile is of, or why not: mostly, that it is another machine's."""
    from latency.base import BACKENDS, MeasureSettings
    from latency.measuring.conditions import gpu, processor

    graphics = gpu("cuda") or {}
    if _is(profile.device, processor()):
        device, threads = "cpu", profile.hardware.units
    elif _is(profile.device, graphics.get("name", "")):
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


def _is(named: str, found: str) -> bool:
    """Whether the device of that name is the one found: "NVIDIA V100" is "Tesla V100-SXM2-16GB", an A10 is no A100."""
    ours, theirs = (set(re.findall(r"\w+", text.casefold())) - _MAKERS for text in (named, found))
    return bool(ours) and ours <= theirs


def measured(structure: Structure, settings: NetworkSettings, how: MeasureSettings) -> LatencyStats:
    """A network's latency, measured now. Raises LatencyError."""
    from latency.measuring.measure import measure
    from latency.measuring.subject import of_structure

    subject = of_structure(structure, settings.resolution, settings.num_classes, settings.use_se)
    return measure(subject, how)


def as_latency(stats: LatencyStats, predicted: float | None = None) -> Latency:
    """The figures for one image."""
    batch = stats.settings.batch_size
    low, high = (None, None) if stats.interval is None else (end / batch for end in stats.interval)
    return Latency(predicted, stats.latency_ms, low, high, stats.p90 / batch, stats.settled)
