"""The proxies of a search: the one that it maximises, those that confirm the best, and those that are only reported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from zennas.common.errors import WrongSettingError
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import Proxy, ProxyInfo, Score, ensembles, score

CONFIRMED = "zen"
"""The proxy name that means: evolve on the expected Zen-score, then confirm by Monte Carlo."""
CONFIRMATION = (CONFIRMED, "zen_expected")
"""The proxies that confirm the best candidates."""


def is_confirmed(settings: SearchSettings) -> bool:
    """Whether the best candidates are scored again by Monte Carlo before one is chosen."""
    return settings.objective == "proxy" and settings.proxy.casefold() == CONFIRMED


def evolved_on(settings: SearchSettings) -> Proxy:
    """Return the proxy that the search itself maximises. Raises UnknownNameError or ProxyError."""
    return ensembles.find("zen_expected" if is_confirmed(settings) else settings.proxy)


def reported(settings: SearchSettings) -> list[str]:
    """Return the registered names of the proxies in `settings.report`, without duplicates.

    Raises UnknownNameError for an unknown proxy, and WrongSettingError for one that cannot score a single network.
    """
    infos = [_of_single_networks(ensembles.find(name).info) for name in settings.report]
    return list(dict.fromkeys(info.name for info in infos))


def _of_single_networks(info: ProxyInfo) -> ProxyInfo:
    if info.needs == "population":
        raise WrongSettingError(
            f"proxy {info.name} ranks populations and cannot score the winner alone: give it as the first --proxy"
        )
    return info


def scores_of(candidate: Candidate, names: Iterable[str], settings: SearchSettings) -> dict[str, Measure]:
    """Return the scores of a candidate by the named proxies, with intervals. Raises ProxyError or StructureError."""
    found = score(candidate.structure, list(names), replace(settings.scoring(), seed=candidate.seed))
    return {name: measure(one) for name, one in found.items()}


def measure(score: Score) -> Measure:
    """Return a score as a measure of a candidate."""
    low, high = score.interval if score.interval is not None else (None, None)
    return Measure(score.value, low, high)
