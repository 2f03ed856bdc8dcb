"""The proxies of a search: the one that it maximises, those that confirm the best, and those that are only reported."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from PlainNet.sizes import area
from zennas.common.errors import WrongSettingError
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import PROXIES, Proxy, ProxyInfo, Score, ensembles, score

CONFIRMED = "zen"
"""The proxy name that means: evolve on the expected Zen-score, then confirm by Monte Carlo."""
COUNTERPART = "counterpart"
"""The name for `confirm_by` that means: the Monte Carlo proxy whose expectation is maximised."""


def _means_zen(settings: SearchSettings) -> bool:
    return settings.objective == "proxy" and settings.proxy.casefold() == CONFIRMED


def confirmer(settings: SearchSettings) -> ProxyInfo | None:
    """Return the random proxy that scores the best candidates again before one is chosen, or None.

    Raises UnknownNameError if there is no such proxy, and WrongSettingError if its scores are not random, if it ranks
    populations, or if the proxy that is maximised has no counterpart.
    """
    asked = settings.confirm_by
    if settings.confirmation == "none":
        return None
    if asked is None:
        return PROXIES.get(CONFIRMED).info if _means_zen(settings) else None
    if asked.casefold() == COUNTERPART:
        found = evolved_on(settings).info.expectation_of if settings.objective == "proxy" else ""
        if not found:
            what = f"proxy {settings.proxy}" if settings.objective == "proxy" else f"objective {settings.objective}"
            have = sorted({proxy.info.name for proxy in PROXIES if proxy.info.expectation_of})
            raise WrongSettingError(
                f"{what} has no Monte Carlo counterpart (those that have one: {', '.join(have)}): name a random proxy "
                "to confirm by, or leave the confirmation out"
            )
        return PROXIES.get(found).info
    info = ensembles.find(asked).info
    if info.needs == "population" or not info.random:
        why = "ranks populations" if info.needs == "population" else "is the same for every seed"
        raise WrongSettingError(
            f"proxy {info.name} {why}, so it cannot confirm the best: choose a random proxy, like zen"
        )
    return info


def confirmation_batch(settings: SearchSettings, info: ProxyInfo) -> int:
    """Return the batch size of an evaluation in a race.

    The smallest that suffices for a proxy whose score is a mean over images, otherwise that of all proxies.
    """
    if settings.confirmation_batch is not None:
        return settings.confirmation_batch
    if info.enough_pixels is None:
        return settings.batch_size
    return min(settings.batch_size, max(2, math.ceil(info.enough_pixels / area(settings.resolution))))


def evolved_on(settings: SearchSettings) -> Proxy:
    """Return the proxy that the search itself maximises. Raises UnknownNameError or ProxyError."""
    return ensembles.find("zen_expected" if _means_zen(settings) else settings.proxy)


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
