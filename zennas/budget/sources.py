"""Sources of latencies as users write them: `predictor:v100-pytorch-fp16`, `onnxruntime:int8`, `torch:fp16:cuda`,
`vela:ethos-u55-128`.

`latency_limits` pairs sources with budgets. `settled_limit` completes a limit, so that it is complete and does not
depend on the current folder. `meters.py` turns limits into meters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PlainNet.registry import did_you_mean, nearest_names
from zennas.budget.budgets import DEFAULT_SOURCE, PREDICTOR, LatencyLimit
from zennas.common.errors import WrongSettingError
from zennas.common.limits import check_whole

if TYPE_CHECKING:
    from latency.base import Estimator
    from latency.predicting.profile import Profile

_DEVICES = {"tensorrt": "cuda"}
"""The devices of back ends that do not run on the CPU."""


class BackendSource(NamedTuple):
    """A back end to measure with, its precision and its device."""

    backend: str
    precision: str
    device: str

    def __str__(self) -> str:
        return f"{self.backend}:{self.precision}:{self.device}"


class Compiler(NamedTuple):
    """A compiler that estimates latencies, and the name of the device."""

    estimator: Estimator
    configuration: str


def latency_limits(
    ms: float | Sequence[float] | None, sources: str | Sequence[str] | None, batch_size: int | None = None
) -> tuple[LatencyLimit, ...]:
    """Pair budgets in milliseconds per image with sources.

    A single budget without a source is for the device of Zen-NAS's tables. Raises WrongSettingError if a value is out
    of range, or if the numbers of budgets and sources differ.
    """
    budgets = [] if ms is None else [ms] if isinstance(ms, (int, float)) else list(ms)
    names = [] if sources is None else [sources] if isinstance(sources, str) else list(sources)
    for budget in budgets:
        if isinstance(budget, bool) or not isinstance(budget, (int, float)) or not 0 < budget < math.inf:
            raise WrongSettingError(f"the latency budget is {budget!r}, expected milliseconds above 0, such as 0.3")
    if batch_size is not None:
        check_whole("latency_batch_size", batch_size, WrongSettingError)
        if not budgets:
            raise WrongSettingError("latency_batch_size needs a latency budget: give one with --budget-latency-ms")
    if len(budgets) == 1 and not names:
        names = [DEFAULT_SOURCE]
    if len(budgets) != len(names):
        raise WrongSettingError(
            f"{len(budgets)} latency budgets and {len(names)} latency back ends, expected the same number of each: "
            "repeat --budget-latency-ms MS --latency-backend NAME"
        )
    for name in names:
        if not isinstance(name, str) or names.count(name) > 1:
            raise WrongSettingError(f"latency back end {name!r}, expected different names such as {DEFAULT_SOURCE}")
    return tuple(LatencyLimit(float(budget), name, batch_size) for budget, name in zip(budgets, names, strict=True))


def backend_source(source: str) -> BackendSource:
    """Parse the source of a measurement. Raises WrongSettingError for an unknown back end or precision."""
    from latency.base import BACKENDS, ESTIMATORS  # loads the back ends

    name, _, rest = source.partition(":")
    if name not in BACKENDS:
        miss = BACKENDS.miss(name)
        others = f"for a prediction use {PREDICTOR}PROFILE, such as {DEFAULT_SOURCE}"
        raise WrongSettingError(f"{miss}; {others}; for a compiler's estimate {', '.join(ESTIMATORS.names())}:DEVICE")
    backend = BACKENDS.get(name)
    precision, _, device = rest.partition(":")
    precision = precision or backend.precisions[0]
    if precision not in backend.precisions:
        raise WrongSettingError(f"{source}: {name} has no {precision}, expected {' or '.join(backend.precisions)}")
    return BackendSource(backend.name, precision, device or _DEVICES.get(backend.name, "cpu"))


def estimator_source(source: str) -> Compiler | None:
    """Return the compiler that a source like vela:ethos-u55-128 names, and the device; None for other sources.

    Raises WrongSettingError for a device that it does not know.
    """
    from latency.base import ESTIMATORS

    name, _, configuration = source.partition(":")
    if name not in ESTIMATORS:
        return None
    estimator = ESTIMATORS.get(name)
    chosen = configuration or estimator.configurations[0]
    if chosen not in estimator.configurations:
        known = estimator.configurations
        near = did_you_mean(nearest_names(chosen, known), f"known: {', '.join(known)}")
        raise WrongSettingError(f"{name} knows no {chosen[:80]!r} ({near})")
    return Compiler(estimator, chosen)


def profile_compiler(profile: Profile) -> Compiler | None:
    """Return the compiler whose estimates a profile predicts; None for one of measurements, or an unknown compiler."""
    from latency.base import ESTIMATORS

    if profile.backend not in ESTIMATORS:
        return None
    estimator = ESTIMATORS.get(profile.backend)
    return Compiler(estimator, profile.device) if profile.device in estimator.configurations else None


def compiler_of(source: str) -> Compiler | None:
    """Return the compiler that estimates what a source is about, directly or through a profile; None for others.

    Raises ProfileError for a profile that cannot be read.
    """
    if not source.startswith(PREDICTOR):
        return estimator_source(source)
    from latency.predicting.profile import load_profile

    return profile_compiler(load_profile(source.removeprefix(PREDICTOR)))


def settled_limit(limit: LatencyLimit) -> LatencyLimit:
    """Return the limit with its full source and its batch size.

    Raises ProfileError for a profile that cannot be read, UnavailableError for a back end that cannot run here, and
    UnknownNameError or WrongSettingError for a source that does not exist.
    """
    estimated = estimator_source(limit.source)
    if estimated is not None:
        from latency.base import UnavailableError

        estimator, configuration = estimated
        reason = estimator.available()
        if reason is not None:
            raise UnavailableError(f"{limit.source} cannot be estimated here: {reason}")
        if limit.batch_size not in (None, 1):
            raise WrongSettingError(f"{limit.source} estimates batches of 1: leave out --latency-batch-size")
        return replace(limit, source=f"{estimator.name}:{configuration}", batch_size=1)
    if not limit.predicted:
        from latency.base import BACKENDS, UnavailableError

        source = backend_source(limit.source)
        reason = BACKENDS.get(source.backend).available(source.precision, source.device)
        if reason is not None:
            raise UnavailableError(f"{limit.source} cannot be measured here: {reason}")
        return replace(limit, source=str(source), batch_size=limit.batch_size or 1)
    from latency.predicting.profile import load_profile, profile_names  # imports numpy

    name = limit.source.removeprefix(PREDICTOR)
    profile = load_profile(name)
    if name not in profile_names():
        name = str(Path(name).resolve())
    return replace(limit, source=f"{PREDICTOR}{name}", batch_size=limit.batch_size or profile.batch)
