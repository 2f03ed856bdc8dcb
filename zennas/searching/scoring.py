"""Proxies as a search uses them: the one that it maximises, those that confirm its best, those that are reported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from zennas.common.errors import SettingsError
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import Proxy, ProxyInfo, Score, ensembles, score

CONFIRMED = "zen"
"""The proxy whose name means: evolve on the expected Zen-score, then confirm by Monte Carlo."""
CONFIRMATION = (CONFIRMED, "zen_expected")
"""What the best are scored with then."""


def is_confirmed(settings: SearchSettings) -> bool:
    """Whether the best candidates are scored again by Monte Carlo before one is chosen."""
    return settings.objective == "proxy" and settings.proxy.casefold() == CONFIRMED


def evolved_on(settings: SearchSettings) -> Proxy:
    """The proxy that the search itself maximises. Raises UnknownNameError, ProxyError."""
    return ensembles.find("zen_expected" if is_confirmed(settings) else settings.proxy)


def reported(settings: SearchSettings) -> list[str]:
    """The registered names of the proxies in `settings.report`, each once.

    Raises UnknownNameError, and SettingsError for one that has no score for a single network.
    """
    infos = [_of_single_networks(ensembles.find(name).info) for name in settings.report]
    return list(dict.fromkeys(info.name for info in infos))


def _of_single_networks(info: ProxyInfo) -> ProxyInfo:
    if info.needs == "population":
        raise SettingsError(
            f"proxy {info.name} ranks populations and has no score for the winner alone: name it as the first --proxy"
        )
    return info


def scores_of(candidate: Candidate, names: Iterable[str], settings: SearchSettings) -> dict[str, Measure]:
    """A candidate's scores by the named proxies, with intervals. Raises ProxyError or StructureError."""
    found = score(candidate.structure, list(names), replace(settings.scoring(), seed=candidate.seed))
    return {name: measure(one) for name, one in found.items()}


def measure(score: Score) -> Measure:
    """A score as a candidate carries it."""
    low, high = score.interval if score.interval is not None else (None, None)
    return Measure(score.value, low, high)
