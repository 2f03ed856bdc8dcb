"""Design regret: what a score's choices within a budget lose to the best network there. Pure NumPy, no torch.

The design regret of a score at a budget is the best accuracy among the architectures that fit, minus the accuracy of
the one among them that the score ranks first, in percentage points. Because a single pick is noisy, there are two more:
for the best of the ten that the score ranks first, and for their mean.

Architectures of equal score are picked with equal chance, and every value is the exact expectation over these ties. A
score that is the same for all is therefore a pick at random. Scores that differ by no more than rounding are equal:
otherwise the order of a sum would choose between networks that compute the same function. An architecture without a
score (NaN) cannot be picked, but can be the best; one without a cost (NaN) fits no budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zennas.correlation.statistics import Floats, blocks, draws_of

TOP = 10
"""Number of picks of which the best and the mean are looked at."""
ROUNDING = 1e-9
"""Relative difference up to which scores are equal."""
_BEGINNING = 64
"""Number of architectures of highest score that are looked at first; nearly always, the picks are among them."""

Counts: TypeAlias = NDArray[np.int32]
"""How often each architecture occurs in each resample, (resamples, n)."""


@dataclass(frozen=True, eq=False)
class Regrets:
    """Regrets in percentage points; one row for each budget, (k,) or with resamples (k, r).

    pick: of the first. best_of_top, mean_of_top: of the best, and of the mean, of the first `TOP`, or of all that can
    be picked if they are fewer. NaN where nothing fits or nothing that fits has a score.
    """

    pick: Floats
    best_of_top: Floats
    mean_of_top: Floats


def within(costs: Floats, budgets: Floats) -> NDArray[np.bool_]:
    """Return which architectures fit each budget: from costs (n,) and budgets (k,) to (k, n). NaN never fits."""
    return np.less_equal(np.asarray(costs)[None, :], np.asarray(budgets)[:, None])


def design_regrets(
    scores: Floats, accuracies: Floats, fits: NDArray[np.bool_], counts: Counts | None = None, top: int = TOP
) -> Regrets:
    """Return the regrets of a score at each budget.

    scores: (n,), higher is better, NaN where there is none. accuracies: (n,) in percent. fits: (k, n), see `within`.
    counts: (r, n), for the regrets of each of r resamples; None for those of the architectures as they are.
    """
    scores, accuracies = (np.asarray(values, dtype=np.float64) for values in (scores, accuracies))
    weights = np.ones((1, len(scores)), dtype=np.int32) if counts is None else counts
    found = np.full((3, len(fits), len(weights)), np.nan)
    for i, fitting in enumerate(fits):
        there = np.flatnonzero(fitting)
        scored = there[~np.isnan(scores[there])]
        if not len(scored):
            continue
        for some in blocks(len(weights), len(there)):
            best = _picked(accuracies[there], accuracies[there], weights[some, there], 1)[1]
            picked = scores[scored], accuracies[scored], weights[some, scored]
            found[0, i, some] = best - _picked(*picked, 1)[1]
            found[1:, i, some] = best - np.stack(_picked(*picked, top))
    found = np.maximum(found, 0)  # sums of ties can exceed the best by their rounding; NaN stays NaN
    return Regrets(*(found if counts is not None else found[:, :, 0]))


def resample_counts(count: int, resamples: int, seed: int) -> Counts:
    """Return the counts of the same resamples as those of the intervals of correlations, see `statistics.py`."""
    draws = draws_of(count, resamples, seed)
    return np.stack([np.bincount(row, minlength=count) for row in draws]).astype(np.int32)


def first_picks(scores: Floats, fits: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return, for each budget, the positions that share the highest score among those that fit; empty if none has a
    score.
    """
    found = []
    for fitting in fits:
        there = np.flatnonzero(fitting & ~np.isnan(scores))
        found.append(there[_groups(scores[there]) == 0])
    return found


def _picked(scores: Floats, accuracies: Floats, counts: Counts, number: int) -> tuple[Floats, Floats]:
    """Return the expected best and mean accuracy of the `number` of highest score in each resample, (r,) each.

    scores, accuracies: (n,); counts: (r, n). NaN where a resample has nothing. If fewer are there, all are taken.
    """
    groups = _groups(scores)
    order = np.lexsort((-accuracies, groups))  # the best accuracy first among equal scores
    group = groups[order]
    ends = np.cumsum(np.bincount(group))
    starts = np.append(0, ends[:-1])
    size = ends[group[min(_BEGINNING, len(order)) - 1]]
    while True:  # until the picks of every resample are within the first `size`
        copies = counts[:, order[:size]]
        before = _sums(copies)
        if size == len(order) or before[:, -1].min() >= number:
            break
        size = ends[group[min(4 * size, len(order)) - 1]]
    values = accuracies[order[:size]]
    taken = np.minimum(before[:, -1], number)
    # The picks are what is before the group of equal scores in which the last pick lies, and some of this group.
    last = group[(before[:, 1:] < taken[:, None]).sum(1)]
    rows, start, end = np.arange(len(copies)), starts[last], ends[last]
    sure = before[rows, start]
    tied = before[rows, end] - sure
    drawn = taken - sure
    totals = _sums(copies * values)
    best_sure = np.full((len(copies), size + 1), -np.inf)
    np.maximum.accumulate(np.where(copies > 0, values, -np.inf), axis=1, out=best_sure[:, 1:])
    highest = best_sure[rows, start]
    with np.errstate(invalid="ignore"):  # 0 / 0 in resamples that have nothing
        mean = (totals[rows, start] + drawn * (totals[rows, end] - totals[rows, start]) / tied) / taken
    # The chance that none of the best copies of the group is drawn, for each number of best copies; what it loses from
    # one architecture to the next is the chance that this one is the best that is drawn.
    seen = np.clip(before - sure[:, None], 0, tied[:, None])
    missed = np.ones(seen.shape)
    for i in range(number):
        left = np.maximum(tied - i, 1)[:, None]
        missed *= np.where(i < drawn[:, None], np.maximum(tied[:, None] - seen - i, 0) / left, 1.0)
    chances = missed[:, :-1] - missed[:, 1:]
    best = (chances * np.maximum(values, highest[:, None])).sum(1)
    return np.where(taken > 0, best, np.nan), mean


def _groups(scores: Floats) -> NDArray[np.int64]:
    """Return the number of the group of equal scores that each belongs to, (n,); that of the highest is 0."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    found = np.zeros(len(scores), dtype=np.int64)
    found[order[1:]] = np.cumsum(ordered[:-1] - ordered[1:] > ROUNDING * np.abs(ordered[1:]))
    return found


def _sums(values: NDArray[Any]) -> NDArray[Any]:
    """Cumulative sums of the rows, from 0 to the sum of all: (r, n) to (r, n + 1)."""
    found = np.zeros((len(values), values.shape[1] + 1), dtype=values.dtype)
    np.cumsum(values, axis=1, out=found[:, 1:])
    return found
