"""How well scores rank accuracies: rank correlations and nDCG, with bootstrap intervals. Does not import torch.

Spearman is the correlation of ranks, and Kendall is tau-b; ties share their mean rank. The "top" versions only use the
tenth of the sample with the best accuracies.

nDCG measures how good the architectures with the best scores are. The gain of an architecture is its rank by accuracy,
from 0 for the worst to 1 for the best. In the order of the scores, gains are discounted by 1 / log2(1 + position),
summed over the first tenth, and divided by the sum for the best possible order; a random order gets about 0.5. Other
gains are in use (Zhang et al., AceNAS, 2021, uses 2 to the power of accuracies; Tybl and Neumann, VKDNW, CVPR 2025,
uses accuracies as they are), so only compare values of this one.

Intervals are percentiles of the statistic over resamples of the architectures, drawn with replacement. An interval is
widened if necessary to include the statistic of the sample: with many ties, nearly all resamples can lie to one side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = Callable[[Floats, Floats], Floats]
"""A statistic of each row: from scores and accuracies, (rows, n) each, to (rows,); NaN if undefined."""

TOP = 0.1
LEVEL = 0.95
_AT_ONCE = 4_000_000
"""The number of values processed at a time, which limits memory."""
_WORK = 3_000_000
"""Large samples are resampled less often: their intervals are narrow, and each resample takes long."""
_PAIRS = 2000
"""For Kendall, the pairs of up to this many architectures are kept in a matrix."""


@dataclass(frozen=True)
class Estimate:
    """A statistic of the sample with its 95 % interval."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        return {"value": self.value, "interval": [self.low, self.high]}


@dataclass(frozen=True)
class Statistics:
    """Statistics of one proxy; None where all scores are equal, or too few architectures have one."""

    spearman: Estimate | None
    kendall: Estimate | None
    spearman_top: Estimate | None
    kendall_top: Estimate | None
    ndcg: Estimate | None

    def to_json(self) -> dict[str, Any]:
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: None if one is None else one.to_json() for name, one in found.items()}

    @classmethod
    def from_json(cls, stored: Any) -> Statistics:
        return cls(
            **{
                name: None if one is None else Estimate(one["value"], *one["interval"])
                for name, one in ((f.name, stored[f.name]) for f in fields(cls))
            }
        )


def statistics_of(
    scores: Sequence[float] | Floats, accuracies: Sequence[float] | Floats, *, resamples: int, seed: int
) -> Statistics:
    """Return the statistics of scores (higher is better) and accuracies, both finite and of shape (n,).

    The same seed gives the same intervals.
    """
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
    if len(x) < 2:
        return Statistics(None, None, None, None, None)
    draws = draws_of(len(x), resamples, seed)
    return Statistics(
        spearman=_estimate(spearman_rows, x, y, draws),
        kendall=_kendall(x, y, draws),
        spearman_top=_estimate(_among_the_best(spearman_rows), x, y, draws),
        kendall_top=_estimate(_among_the_best(kendall_rows), x, y, draws),
        ndcg=_estimate(ndcg_rows, x, y, draws),
    )


def top_count(count: int) -> int:
    """Return the size of the best tenth of `count` architectures: at least 2, which a correlation needs."""
    return min(count, max(2, round(TOP * count)))


def resamples_for(count: int, resamples: int) -> int:
    """Return how many resamples of `count` architectures are drawn if `resamples` are wanted."""
    return min(resamples, max(100, _WORK // count))


def draws_of(count: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """Return the positions that each resample of `count` architectures consists of, (resamples, count)."""
    return np.random.default_rng(seed).integers(count, size=(resamples_for(count, resamples), count))


# -- statistics of rows --------------------------------------------------------------------------


def spearman_rows(x: Floats, y: Floats) -> Floats:
    return _pearson_rows(_ranks(x), _ranks(y))


def kendall_rows(x: Floats, y: Floats) -> Floats:
    from scipy.stats import kendalltau

    rows, n = x.shape
    if n > 500:
        pairs = zip(x, y, strict=True)
        return np.array([kendalltau(a, b).statistic if np.ptp(a) and np.ptp(b) else np.nan for a, b in pairs])
    found = np.empty(rows)
    for some in blocks(rows, n * n):
        a = np.sign(x[some, :, None] - x[some, None, :]).astype(np.int8)
        b = np.sign(y[some, :, None] - y[some, None, :]).astype(np.int8)
        agree = (a * b).sum(axis=(1, 2), dtype=np.int64).astype(np.float64)
        apart_a, apart_b = ((m != 0).sum(axis=(1, 2)).astype(np.float64) for m in (a, b))
        found[some] = _ratio(agree, np.sqrt(apart_a * apart_b))
    return found


def ndcg_rows(x: Floats, y: Floats) -> Floats:
    """Return nDCG of each row; equal scores share the mean of their gains."""
    rows, n = x.shape
    ranks = _ranks(y) - 1
    gains = ranks / max(n - 1, 1)
    discounts = np.where(np.arange(n) < top_count(n), 1 / np.log2(np.arange(n) + 2), 0.0)
    order = np.argsort(-x, axis=1, kind="stable")
    ordered = np.take_along_axis(x, order, 1)
    gained = np.take_along_axis(gains, order, 1)
    # Number the groups of equal scores across all rows, to average over each group.
    new = np.ones((rows, n), dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    group = np.cumsum(new.ravel()) - 1
    means = np.bincount(group, gained.ravel()) / np.bincount(group)
    found = (means[group].reshape(rows, n) * discounts).sum(1)
    best = (-np.sort(-gains, axis=1) * discounts).sum(1)
    varied = (np.ptp(y, axis=1) > 0) & (np.ptp(x, axis=1) > 0)
    return np.where(
        varied, np.minimum(_ratio(found, best), 1.0), np.nan
    )  # rounding can make the sum of one order exceed that of the best


def _among_the_best(statistic: Rows) -> Rows:
    """The statistic for the tenth with the best accuracies; of equal ones, the first are used."""

    def of_the_best(x: Floats, y: Floats) -> Floats:
        best = np.argsort(-y, axis=1, kind="stable")[:, : top_count(y.shape[1])]
        return statistic(np.take_along_axis(x, best, 1), np.take_along_axis(y, best, 1))

    return of_the_best


def _ranks(values: Floats) -> Floats:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=1), dtype=np.float64)


def _pearson_rows(x: Floats, y: Floats) -> Floats:
    a, b = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    return _ratio((a * b).sum(1), np.sqrt((a * a).sum(1) * (b * b).sum(1)))


def _ratio(above: Floats, below: Floats) -> Floats:
    """The ratio; NaN if the denominator is 0, because without spread there is no correlation."""
    found: Floats = np.full(above.shape, np.nan)
    np.divide(above, below, out=found, where=below > 0)
    return found


# -- intervals -----------------------------------------------------------------------------------


def _estimate(statistic: Rows, x: Floats, y: Floats, draws: NDArray[np.int64]) -> Estimate | None:
    value = float(statistic(x[None], y[None])[0])
    found = np.concatenate([statistic(x[draws[some]], y[draws[some]]) for some in blocks(*draws.shape)])
    return with_interval(value, found)


def _kendall(x: Floats, y: Floats, draws: NDArray[np.int64]) -> Estimate | None:
    """Kendall's tau-b of the sample and its resamples.

    Let w be how often a resample contains each architecture, and s the matrix with +1 for pairs in the same order and
    −1 for pairs in opposite order. Then wᵀ s w is the balance of pairs, and one product of matrices computes it for all
    resamples.
    """
    if len(x) > _PAIRS:
        return _estimate(kendall_rows, x, y, draws)
    a, b = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
    rows = np.arange(len(draws))[:, None]
    weights = np.ones((len(draws) + 1, len(x)))  # the first is the sample itself
    weights[1:] = 0
    np.add.at(weights[1:], (rows, draws), 1)
    agree, apart_a, apart_b = (np.einsum("ri,ri->r", weights @ m, weights) for m in (a * b, np.abs(a), np.abs(b)))
    found = _ratio(agree, np.sqrt(apart_a * apart_b))
    return with_interval(float(found[0]), found[1:])


def with_interval(value: float, found: Floats) -> Estimate | None:
    """Return a statistic of the sample with the interval of those of its resamples, (r,); None if it is undefined, or
    NaN in all resamples.
    """
    found = found[~np.isnan(found)]
    if np.isnan(value) or not len(found):
        return None
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, min(float(low), value), max(float(high), value))


def blocks(rows: int, numbers: int) -> Iterator[slice]:
    """Slices of the rows that contain about `_AT_ONCE` numbers, given the numbers per row."""
    step = max(1, _AT_ONCE // numbers)
    return (slice(i, i + step) for i in range(0, rows, step))
