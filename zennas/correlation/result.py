"""The result of a correlation, read from its run; for an unfinished run, the result of the scores so far."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from PlainNet import Cost
from zennas.accuracy.tables.sheets import Found
from zennas.correlation.choices import RANDOM, Choices, Regret, choices_of, ordered
from zennas.correlation.columns import columns_from_json
from zennas.correlation.limits import COUNTS, LOWER, PREFIX
from zennas.correlation.overview import KIND, status_of
from zennas.correlation.regret import resample_counts
from zennas.correlation.sample import Sample
from zennas.correlation.scenarios import kinds_of
from zennas.correlation.settings import CorrelateSettings
from zennas.correlation.statistics import Statistics, spearman_rows, statistics_of
from zennas.runs.store import FILE, Scoring, Store, reading
from ZeroShotProxy import PROXIES, ensembles

BASELINES = COUNTS
"""What every proxy has to be better than: the counts of an architecture's cost, which need not be scored."""
_FORMER_NAMES = {"layers": "depth"}
"""What runs of earlier versions call a row."""


@dataclass(frozen=True)
class Row:
    """One proxy, baseline or column of scores compared with the accuracies.

    count: number of architectures that have a score.
    failures: number of architectures without a score because scoring failed.
    error: the most frequent reason of failures.
    failures_last: Spearman with the failed architectures ranked last, as published code does.
    by_seed: Spearman of the scores of each seed alone, if there are several.
    initialisation: initial weights, if the proxy runs networks: "own" (those of the network itself) or the name of a
        rule.
    """

    name: str
    statistics: Statistics
    count: int
    failures: int
    error: str | None
    failures_last: float | None
    by_seed: tuple[float, ...]
    initialisation: str | None
    source: str

    def to_json(self) -> dict[str, Any]:
        return {
            "proxy": self.name,
            **self.statistics.to_json(),
            "count": self.count,
            "failures": self.failures,
            "error": self.error,
            "spearman_failures_last": self.failures_last,
            "spearman_by_seed": list(self.by_seed),
            "initialisation": self.initialisation,
            "source": self.source,
        }


@dataclass(frozen=True, eq=False)
class CorrelateResult:
    """The result of a correlation, finished or not.

    status: "scoring" while a process works on it, "finished", or "interrupted".
    rows: baselines, then proxies and columns of scores, by Spearman, best first.
    regret: the design regrets for each kind of budget, if there are budgets.
    columns: what was read from columns, by the names that the settings use.
    scores: by name, the mean score over seeds of each architecture in the sample, in the proxy's own direction; NaN if
        there is none.
    done: number of networks that have all of their scores.
    images: what the batches contain; None if no proxy uses images.
    """

    folder: Path
    status: str
    settings: CorrelateSettings
    sample: Sample
    rows: tuple[Row, ...]
    regret: tuple[Regret, ...]
    columns: Mapping[str, Found]
    costs: tuple[Cost, ...]
    scores: Mapping[str, NDArray[np.float64]]
    done: int
    images: str | None
    seconds: float
    created: float
    environment: dict[str, Any]

    def row(self, name: str) -> Row:
        """Return the row of a proxy or baseline. Raises KeyError if there is none."""
        return {row.name: row for row in self.rows}[name]

    def statistics_json(self) -> dict[str, Any]:
        return {row.name: row.statistics.to_json() for row in self.rows}

    def regret_of(self, kind: str) -> Regret:
        """Return the design regrets under the budgets of a kind, such as "params". Raises KeyError if it has none."""
        return {one.kind.name: one for one in self.regret}[kind]

    def regret_json(self) -> dict[str, Any]:
        return {one.kind.name: {row.name: row.to_json() for row in one.rows} for one in self.regret}

    def to_json(self) -> dict[str, Any]:
        from zennas.correlation.summary import protocol

        return {
            "run": str(self.folder),
            "status": self.status,
            "proxies": [row.to_json() for row in self.rows],
            "regret": [one.to_json() for one in self.regret],
            "protocol": protocol(self),
            "settings": self.settings.to_json(),
            "sampled": len(self.sample),
            "distinct": len(self.sample.distinct),
            "done": self.done,
            "seconds": round(self.seconds, 3),
        }


def scored_names(settings: CorrelateSettings) -> tuple[str, ...]:
    """Return the proxies that networks must be scored with to obtain all of `settings.proxies`."""
    return tuple(name for name in ensembles.parts_of(settings.proxies) if name not in BASELINES)


def read_result(folder: Path) -> CorrelateResult:
    """Return the result of the correlation in `folder`.

    Raises StoreError if there is no such run or it is damaged, and SettingsError if another version wrote it.
    """
    with Store.read(folder) as store:
        store.require_kind(KIND)
        with reading(folder / FILE):
            return compute(store)


def compute(store: Store, comparing: Callable[[int, int], None] = lambda done, total: None) -> CorrelateResult:
    """Compare the scores so far with the accuracies; a finished run has its statistics stored."""
    settings = CorrelateSettings.from_json(store.get("settings"))
    sample = Sample.from_json(store.get("sample"))
    costs = store.costs()
    collected = _collect(store.scores(), sample, settings)
    columns = columns_from_json(store.get("columns"), len(sample))
    scores = _all_scores(settings, sample, costs, collected, columns)
    accuracies = np.asarray(sample.accuracies)
    kinds = kinds_of(settings, costs, columns, accuracies)
    total = len(scores) * (1 + len(kinds))
    known = store.get("statistics") or {}
    rows = []
    for i, name in enumerate(scores):
        comparing(i, total)
        before = known.get(name) or known.get(_FORMER_NAMES.get(name, name))
        rows.append(_row(name, scores[name], sample, settings, collected, before))
    better_high = {RANDOM: np.zeros(len(sample)), **{name: direction(name) * scores[name] for name in scores}}
    counts = resample_counts(len(sample), settings.resamples if kinds else 1, settings.seed)
    chosen, regret = store.get("regret") or {}, []
    for i, kind in enumerate(kinds, start=1):
        before, found = chosen.get(kind.name, {}), []
        for j, (name, values) in enumerate(better_high.items()):
            comparing(min(i * len(scores) + j, total), total)
            if name in before:
                found.append(Choices.from_json(before[name]))
            else:
                found.append(choices_of(name, values, accuracies, kind.fits, counts))
        regret.append(Regret(kind, ordered(found, BASELINES)))
    comparing(total, total)
    rows.sort(key=lambda row: (row.name not in BASELINES, -_spearman(row)))
    return CorrelateResult(
        store.folder,
        status_of(store),
        settings,
        sample,
        tuple(rows),
        tuple(regret),
        columns,
        tuple(costs),
        scores,
        collected.done,
        (store.get("images") or {}).get("note"),
        store.get("seconds") or 0.0,
        store.get("created") or 0.0,
        store.get("environment") or {},
    )


@dataclass(frozen=True, eq=False)
class _Collected:
    """Scorings in order.

    values: by proxy, an array (sample, seeds); NaN if there is no value.
    errors: by proxy, the error of each position in the sample whose scoring failed.
    done: number of networks that have all of their scorings.
    """

    values: dict[str, NDArray[np.float64]]
    errors: dict[str, dict[int, str]]
    done: int


def _collect(rows: list[Scoring], sample: Sample, settings: CorrelateSettings) -> _Collected:
    names = scored_names(settings)
    values = {name: np.full((len(sample), settings.seeds), np.nan) for name in names}
    errors: dict[str, dict[int, str]] = {name: {} for name in names}
    answered = Counter[int]()
    for row in rows:
        if row.name not in values:  # of a proxy from earlier settings
            continue
        position = row.candidate - 1
        answered[position] += 1
        if row.error is not None:
            errors[row.name][position] = row.error
        elif PROXIES.get(row.name).info.random:
            values[row.name][position, row.repeat] = row.value
        else:
            values[row.name][position] = row.value
    wanted = sum(settings.seeds if PROXIES.get(name).info.random else 1 for name in names)
    first = np.asarray(sample.same_as)
    shared = {name: {i: found[j] for i, j in enumerate(sample.same_as) if j in found} for name, found in errors.items()}
    done = sum(answered[i] >= wanted for i in sample.distinct)
    return _Collected({name: found[first] for name, found in values.items()}, shared, done)


def _all_scores(
    settings: CorrelateSettings,
    sample: Sample,
    costs: list[Cost],
    collected: _Collected,
    columns: Mapping[str, Found],
) -> dict[str, NDArray[np.float64]]:
    """Means over seeds of baselines and proxies, rankings of the architectures that have all parts, and columns."""
    parts = ensembles.parts_of(settings.proxies)
    scores = {name: np.array([getattr(cost, name) for cost in costs], dtype=np.float64) for name in BASELINES}
    for name in parts:
        if name not in BASELINES:
            scores[name] = collected.values[name].mean(1)
    found = {name: scores[name] for name in BASELINES}
    for name in settings.proxies:
        proxy = ensembles.find(name)
        if proxy.ranking is None:
            found[name] = scores[name]
            continue
        complete = ~np.isnan([scores[part] for part in proxy.parts]).any(0)
        ranks = ensembles.rankings([name], {part: scores[part][complete].tolist() for part in proxy.parts})
        found[name] = np.full(len(sample), np.nan)
        found[name][complete] = ranks[name]
    return {**found, **{one.row: columns[one.column].values for one in settings.columns_of_scores}}


def _row(
    name: str,
    scores: NDArray[np.float64],
    sample: Sample,
    settings: CorrelateSettings,
    collected: _Collected,
    known: Any,
) -> Row:
    info = None if name in BASELINES or name.startswith(PREFIX) else ensembles.find(name).info
    parts = (name,) if info is None else ensembles.parts_of([name])
    sign = direction(name)
    accuracies = np.asarray(sample.accuracies)
    there = ~np.isnan(scores)
    if known is not None:
        statistics = Statistics.from_json(known)
    else:
        statistics = statistics_of(
            sign * scores[there], accuracies[there], resamples=settings.resamples, seed=settings.seed
        )
    errors = {i: error for part in parts for i, error in collected.errors.get(part, {}).items()}
    return Row(
        name,
        statistics,
        int(there.sum()),
        len(errors),
        Counter(errors.values()).most_common(1)[0][0] if errors else None,
        failures_last(sign * scores, accuracies, list(errors)) if errors else None,
        _by_seed(sign, collected.values.get(name), accuracies, there),
        info.weights(settings.initialisation) if info is not None and info.torch else None,
        "" if info is None else info.source,
    )


def direction(name: str) -> float:
    """Return the factor that makes higher scores better; a higher cost counts as better.

    name: of a row: a baseline, a proxy or a column of scores.
    """
    if name.startswith(PREFIX):
        return -1.0 if name.endswith(LOWER) else 1.0
    return 1.0 if name in BASELINES else ensembles.find(name).info.sign


def failures_last(scores: NDArray[np.float64], accuracies: NDArray[np.float64], failed: Sequence[int]) -> float | None:
    """Return Spearman of all architectures that were tried; those that failed share the last place."""
    filled = scores.copy()
    filled[list(failed)] = -math.inf
    there = ~np.isnan(filled)
    found = float(spearman_rows(filled[None, there], accuracies[None, there])[0])
    return None if math.isnan(found) else found


def _by_seed(
    sign: float, values: NDArray[np.float64] | None, accuracies: NDArray[np.float64], there: NDArray[np.bool_]
) -> tuple[float, ...]:
    """Spearman of each seed alone, if there are several and they differ."""
    if values is None or values.shape[1] < 2 or there.sum() < 2:
        return ()
    each = sign * values[there].T
    if (each == each[0]).all():
        return ()
    found = spearman_rows(each, np.broadcast_to(accuracies[there], each.shape))
    return () if np.isnan(found).any() else tuple(float(value) for value in found)


def _spearman(row: Row) -> float:
    return -math.inf if row.statistics.spearman is None else row.statistics.spearman.value
