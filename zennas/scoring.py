"""From settings to the function that a search maximises, and to the scores that confirm its best."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from PlainNet.ir import StructureError
from zennas.candidate import Candidate, Measure
from zennas.search.settings import SearchSettings
from ZeroShotProxy import PROXIES, ProxyError, Score
from ZeroShotProxy.zen_expected import ExpectedZen

Fitness: TypeAlias = Callable[[Candidate], float]

CONFIRMED = "zen"
"""The proxy whose name means: evolve on the expected Zen-score, then confirm by Monte Carlo."""


def fitness(settings: SearchSettings) -> Fitness:
    """What to maximise under `settings`; the function raises ProxyError or StructureError where it cannot score.

    Raises UnknownNameError for an unknown proxy, DeviceError where the device is missing.
    """
    check_device(settings)
    if settings.proxy.casefold() in (CONFIRMED, "zen_expected"):
        expected = ExpectedZen(settings.resolution, settings.gamma, settings.use_se)
        return lambda candidate: expected(candidate.structure)
    proxy = PROXIES.get(settings.proxy)
    if proxy.info.name in ("params", "flops"):  # known already
        return lambda candidate: float(getattr(candidate.cost, proxy.info.name))
    sign = 1.0 if proxy.info.higher_is_better else -1.0
    # One repetition a candidate, as in Zen-NAS; its random numbers are the candidate's own.
    once = replace(settings.scoring(), repeats=1)
    return lambda candidate: sign * proxy.score(candidate.structure, replace(once, seed=candidate.seed)).value


def check_device(settings: SearchSettings) -> None:
    """Raises DeviceError where a device is asked for by name that is not there."""
    if settings.device not in ("auto", "cpu"):
        from PlainNet.device import device_of  # torch takes seconds to import

        device_of(settings.device)


def evaluate(candidate: Candidate, function: Fitness) -> Candidate:
    """The candidate with its fitness, or with the error that it failed with."""
    try:
        value = function(candidate)
    except (ProxyError, StructureError) as error:
        return replace(candidate, error=str(error))
    if not math.isfinite(value):
        return replace(candidate, error=f"the score is {value}")
    return replace(candidate, fitness=value)


def measure(score: Score) -> Measure:
    low, high = score.interval if score.interval is not None else (None, None)
    return Measure(score.value, low, high)


def is_confirmed(settings: SearchSettings) -> bool:
    """Whether the best candidates are scored again by Monte Carlo before one is chosen."""
    return settings.proxy.casefold() == CONFIRMED


def final_measures(candidate: Candidate, settings: SearchSettings) -> dict[str, Measure]:
    """What is recorded of the best where nothing is confirmed: its score, and the expected Zen-score beside it."""
    expected = PROXIES.get("zen_expected")
    own = PROXIES.get(settings.proxy).info
    value = (candidate.fitness or 0.0) * (1.0 if own.higher_is_better else -1.0)
    return {"zen_expected": measure(expected.score(candidate.structure, settings.scoring())), own.name: Measure(value)}


def confirmations(candidate: Candidate, settings: SearchSettings) -> dict[str, Measure]:
    """The Monte-Carlo and the expected Zen-score of one of the best."""
    chosen = replace(settings.scoring(), seed=candidate.seed)
    return {name: measure(PROXIES.get(name).score(candidate.structure, chosen)) for name in ("zen", "zen_expected")}
