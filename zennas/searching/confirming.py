"""Scoring the best of a search again: by Monte Carlo after expected Zen-scores, and the winner by other proxies."""

from __future__ import annotations

from collections.abc import Callable

from PlainNet import StructureError
from zennas.runs.candidate import Candidate
from zennas.runs.store import Store
from zennas.searching.scoring import CONFIRMATION, CONFIRMED, is_confirmed, reported, scores_of
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import ProxyError

CONFIRMED_FACT = "confirmed"
"""The fact with the ids of the confirmed candidates, best first."""


def confirm(
    store: Store, settings: SearchSettings, ranked: list[Candidate], progress: Callable[[int, int], None]
) -> list[Candidate]:
    """Return the first `top` candidates of `ranked`; if the search is confirmed, ordered by their Monte Carlo scores.

    progress: called with the number of candidates done and their total.

    Raises ProxyError if there are no candidates, or if none could be confirmed.
    """
    if not ranked:
        raise ProxyError(_nothing_kept(store, settings))
    top = ranked[: settings.top]
    if not is_confirmed(settings):
        return top
    known = {candidate.id: candidate.measures for candidate in store.candidates(c.id for c in top)}
    failure: Exception | None = None
    for i, candidate in enumerate(top):
        progress(i, len(top))
        if CONFIRMED not in known[candidate.id]:
            try:
                known[candidate.id] = scores_of(candidate, CONFIRMATION, settings)
                store.add_measures(candidate.id, known[candidate.id])
            except ProxyError as error:
                failure = error
                store.add_failure(candidate.id, str(error))
    progress(len(top), len(top))
    confirmed = [candidate for candidate in top if CONFIRMED in known[candidate.id]]
    if not confirmed:
        raise ProxyError(f"none of the best {len(top)} structures could be confirmed; last error: {failure}")
    confirmed.sort(key=lambda c: -known[c.id][CONFIRMED].value)
    store.put({CONFIRMED_FACT: [candidate.id for candidate in confirmed]})
    return confirmed


def _nothing_kept(store: Store, settings: SearchSettings) -> str:
    """Why there is no candidate to confirm."""
    failures = store.failures()
    if failures:
        return f"no structure could be scored: {max(failures, key=lambda error: failures[error])}"
    return f"the strategy {settings.strategy} kept no structure: nothing can be chosen"


def report(store: Store, settings: SearchSettings, best: Candidate) -> None:
    """Score the winner with the proxies of `settings.report`; failures are recorded and do not raise errors."""
    known = store.candidates([best.id])[0].measures
    for name in reported(settings):
        if name in known:
            continue
        try:
            store.add_measures(best.id, scores_of(best, [name], settings))
        except (ProxyError, StructureError) as error:
            store.add_failure(best.id, str(error))
