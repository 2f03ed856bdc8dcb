"""Scoring the best of a search again: by a random proxy that confirms them, and the winner by other proxies.

After a search by the expected Zen-score, the best candidates are confirmed by Monte Carlo. "racing" evaluates them in
rounds until the best is known (`racing.py`): every evaluation is one repetition, with the seed of its round, and is
stored at once. "full" gives every candidate all repetitions, with the candidate's own seed and the batch size of the
settings, and orders them by their means, as all searches did before there were races.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from PlainNet import StructureError
from zennas.runs.candidate import Candidate, Measure
from zennas.runs.store import Scoring, Store
from zennas.searching.choosing.racing import race
from zennas.searching.objectives.base import Objective
from zennas.searching.scoring import confirmation_batch, confirmer, measure, reported, scores_of
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import ProxyError, ProxyInfo, score
from ZeroShotProxy.interval import mean_score

CONFIRMED_FACT = "confirmed"
"""The fact with the ids of the confirmed candidates, best first."""
CONFIRMATION_FACT = "confirmation"
"""The fact with what a `Confirmation` contains."""


@dataclass(frozen=True)
class Confirmation:
    """How the best candidates were confirmed.

    proxy: the random proxy. measure: the name of its scores among the measures of a candidate.
    how: "racing" or "full". batch_size: of each evaluation.
    evaluations: the number of evaluations, of `most` that were possible. repeats: those of each candidate, by id.
    undecided: how many candidates, the first in the order, the scores do not tell apart; None for "full" and fronts.
    stopped: why a race ended; "" for "full" and for fronts, which have a race for each point.
    """

    proxy: str
    measure: str
    how: str
    batch_size: int
    evaluations: int
    most: int
    repeats: dict[int, int]
    undecided: int | None = None
    stopped: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "repeats": {str(number): count for number, count in self.repeats.items()}}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Confirmation:
        """Return the confirmation that a run has stored; `zennas.runs.facts` has checked it."""
        repeats = {int(number): count for number, count in stored["repeats"].items()}
        return cls(**{**stored, "repeats": repeats})


def confirm(
    store: Store,
    settings: SearchSettings,
    objective: Objective,
    ranked: list[Candidate],
    progress: Callable[[int, int], None],
) -> list[Candidate]:
    """Return the first `top` candidates of `ranked`; if the search is confirmed, in the order of their confirmation.

    progress: called with the number of evaluations done and the most that there can be.

    Raises ProxyError if there are no candidates, or if none could be confirmed.
    """
    if not ranked:
        raise ProxyError(_nothing_kept(store, settings))
    top = ranked[: settings.top]
    info = confirmer(settings)
    if info is None:
        return top
    confirmed, about = _again(store, settings, objective, top, info, progress)
    store.put({CONFIRMED_FACT: [c.id for c in confirmed], CONFIRMATION_FACT: about.to_json()})
    return confirmed


def confirm_each(
    store: Store,
    settings: SearchSettings,
    objective: Objective,
    groups: Sequence[list[Candidate]],
    progress: Callable[[int, int], None],
) -> list[tuple[Candidate, float]]:
    """Confirm several groups of candidates, each by itself, and return the first of each with its confirmed value.

    groups: the candidates of each, best first. Higher values are better. A group none of whose candidates could be
    confirmed is left out.

    progress: as in `confirm`. Raises ProxyError if that are all groups.
    """
    info = confirmer(settings)
    assert info is not None  # otherwise there is nothing to do
    found, parts = list[tuple[Candidate, float]](), list[Confirmation]()
    ids, failure = list[int](), None
    most = sum(map(len, groups)) * settings.repeats
    for group in groups:
        before = sum(about.evaluations for about in parts)
        try:
            ranked, about = _again(store, settings, objective, group, info, _after(before, most, progress))
        except ProxyError as error:
            failure = error
            continue
        parts.append(about)
        ids += [candidate.id for candidate in ranked]
        best = store.candidates([ranked[0].id])[0]
        found.append((best, info.sign * best.measures[about.measure].value))
    if failure is not None and not found:
        raise failure
    whole = replace(
        parts[0],
        evaluations=sum(about.evaluations for about in parts),
        most=most,
        repeats={number: count for about in parts for number, count in about.repeats.items()},
        undecided=None,
        stopped="",
    )
    store.put({CONFIRMED_FACT: ids, CONFIRMATION_FACT: whole.to_json()})
    return found


def _after(before: int, most: int, progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Progress of a part of the evaluations, of which `before` are done."""
    return lambda done, _: progress(before + done, most)


def _again(
    store: Store,
    settings: SearchSettings,
    objective: Objective,
    top: list[Candidate],
    info: ProxyInfo,
    progress: Callable[[int, int], None],
) -> tuple[list[Candidate], Confirmation]:
    """The candidates in the order of their confirmation, and how it went."""
    # A search may maximise single scores by the same proxy. They are those that luck has selected.
    name = f"{info.name}_confirmed" if info.name in objective.measures else info.name
    way = _in_full if settings.confirmation == "full" else _by_racing
    return way(store, settings, top, info, name, progress)


def round_seed(seed: int, number: int) -> int:
    """Return the seed of a round, which no candidate has as its own. seed: of the search; number: of the round."""
    return int.from_bytes(sha256(f"{seed} round {number}".encode()).digest()[:8], "big") >> 1


def _by_racing(
    store: Store,
    settings: SearchSettings,
    top: list[Candidate],
    info: ProxyInfo,
    name: str,
    progress: Callable[[int, int], None],
) -> tuple[list[Candidate], Confirmation]:
    batch = confirmation_batch(settings, info)
    once = replace(settings.scoring(), batch_size=batch, repeats=1)
    known = {(one.candidate, one.repeat): one for one in store.scores() if one.name == info.name}
    found = {candidate.id: candidate for candidate in top}
    failures: list[str] = []

    def evaluate(number: int, i: int) -> float | None:
        scoring = known.get((number, i))
        if scoring is None:
            value, error = None, None
            try:
                one = score(found[number].structure, [info.name], replace(once, seed=round_seed(settings.seed, i)))
                value = one[info.name].value
            except ProxyError as failure:
                error = str(failure)
                store.add_failure(number, error)
            scoring = Scoring(number, info.name, i, value, error)
            store.add_scores([scoring], {})
        if scoring.value is None:
            failures.append(str(scoring.error))
            return None
        return info.sign * scoring.value

    raced = race([c.id for c in top], evaluate, settings.repeats, settings.confirmation_difference, progress)
    if not raced.order:
        raise _unconfirmed(top, failures[-1])
    for number in raced.order:
        _put(store, found[number], name, measure(mean_score([info.sign * value for value in raced.scores[number]])))
    return [found[number] for number in raced.order], Confirmation(
        info.name,
        name,
        "racing",
        batch,
        raced.evaluations,
        len(top) * settings.repeats,
        {number: len(raced.scores[number]) for number in raced.order},
        raced.left,
        raced.stopped,
    )


def _in_full(
    store: Store,
    settings: SearchSettings,
    top: list[Candidate],
    info: ProxyInfo,
    name: str,
    progress: Callable[[int, int], None],
) -> tuple[list[Candidate], Confirmation]:
    found = {candidate.id: candidate.measures.get(name) for candidate in store.candidates(c.id for c in top)}
    failure = ""
    for i, candidate in enumerate(top):
        progress(i * settings.repeats, len(top) * settings.repeats)
        if found[candidate.id] is None:
            try:
                found[candidate.id] = one = scores_of(candidate, [info.name], settings)[info.name]
                _put(store, candidate, name, one)
            except ProxyError as error:
                failure = str(error)
                store.add_failure(candidate.id, failure)
    progress(len(top) * settings.repeats, len(top) * settings.repeats)
    values = {number: info.sign * one.value for number, one in found.items() if one is not None}
    if not values:
        raise _unconfirmed(top, failure)
    confirmed = sorted((c for c in top if c.id in values), key=lambda c: -values[c.id])
    return confirmed, Confirmation(
        info.name,
        name,
        "full",
        settings.batch_size,
        len(confirmed) * settings.repeats,
        len(top) * settings.repeats,
        {candidate.id: settings.repeats for candidate in confirmed},
    )


def _unconfirmed(top: list[Candidate], failure: str) -> ProxyError:
    return ProxyError(f"none of the best {len(top)} structures could be confirmed; last error: {failure}")


def _put(store: Store, candidate: Candidate, name: str, confirmed: Measure) -> None:
    """Store the confirmed score in front of the candidate's other measures."""
    others = {other: one for other, one in candidate.measures.items() if other != name}
    store.add_measures(candidate.id, {name: confirmed, **others})


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
