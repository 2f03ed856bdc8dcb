"""From settings to the function that a search maximises, and to the scores that confirm its best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from PlainNet.ir import StructureError
from zennas.common.errors import SettingsError
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import ProxyError, ProxyInfo, Score, ensembles, score
from ZeroShotProxy.proxies.zen_expected import ExpectedZen

Fitness: TypeAlias = Callable[[Candidate], float]

CONFIRMED = "zen"
"""The proxy whose name means: evolve on the expected Zen-score, then confirm by Monte Carlo."""
CONFIRMATION = (CONFIRMED, "zen_expected")
"""What the best are scored with then."""


def evolved_on(settings: SearchSettings) -> ProxyInfo:
    """The proxy that the search itself maximises. Raises UnknownNameError."""
    return ensembles.find("zen_expected" if is_confirmed(settings) else settings.proxy).info


def fitness(settings: SearchSettings) -> Fitness:
    """What to maximise under `settings`; the function raises ProxyError or StructureError where it cannot score.

    Raises UnknownNameError for an unknown proxy, SettingsError for one that has no score of its own for a network.
    """
    info = _of_single_networks(evolved_on(settings))
    name = info.name
    if name == "zen_expected":
        expected = ExpectedZen(settings.resolution, settings.gamma, settings.use_se)
        return lambda candidate: expected(candidate.structure)
    sign = info.sign
    if info.needs == "cost":  # known already
        return lambda candidate: sign * float(getattr(candidate.cost, name))
    # One repetition a candidate, as in Zen-NAS; its random numbers are the candidate's own.
    once = replace(settings.scoring(), repeats=1)

    def fit(candidate: Candidate) -> float:
        return sign * score(candidate.structure, [name], replace(once, seed=candidate.seed))[name].value

    return fit


def _of_single_networks(info: ProxyInfo) -> ProxyInfo:
    """`info`; raises SettingsError for a proxy that has no score for a single network."""
    if info.needs == "population":
        raise SettingsError(f"proxy {info.name} ranks populations, a search needs one that scores a network by itself")
    return info


def runs_networks(settings: SearchSettings) -> bool:
    """Whether the search, its confirmation or its report needs torch and a device."""
    return (
        is_confirmed(settings)
        or evolved_on(settings).torch
        or any(ensembles.find(name).info.torch for name in settings.report)
    )


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


def own_measure(candidate: Candidate, settings: SearchSettings) -> dict[str, Measure]:
    """The score that the search maximised, under its proxy's name and in its direction."""
    info = evolved_on(settings)
    if candidate.fitness is None:
        return {}
    return {info.name: Measure(candidate.fitness if info.higher_is_better else -candidate.fitness)}


def reported(settings: SearchSettings) -> list[str]:
    """The registered names of the proxies in `settings.report`, each once.

    Raises UnknownNameError, and SettingsError for one that has no score for a single network.
    """
    infos = [_of_single_networks(ensembles.find(name).info) for name in settings.report]
    return list(dict.fromkeys(info.name for info in infos))


def scores_of(candidate: Candidate, names: Iterable[str], settings: SearchSettings) -> dict[str, Measure]:
    """A candidate's scores by the named proxies, with intervals. Raises ProxyError or StructureError."""
    found = score(candidate.structure, list(names), replace(settings.scoring(), seed=candidate.seed))
    return {name: measure(one) for name, one in found.items()}
