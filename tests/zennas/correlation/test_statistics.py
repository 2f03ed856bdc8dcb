"""Measures of how well two rankings agree: those of other libraries, and their intervals."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zennas.correlation import statistics as stats

VALUES = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=3, max_size=40)


@given(VALUES)
@settings(max_examples=40)
def test_statistics_are_those_of_scipy_and_sklearn(pairs: list[tuple[int, int]]) -> None:
    from scipy.stats import kendalltau, rankdata, spearmanr
    from sklearn.metrics import ndcg_score

    x, y = np.array(pairs, dtype=float).T
    found = stats.statistics_of(x, y, resamples=5, seed=0)
    if not np.ptp(x) or not np.ptp(y):
        assert found.spearman is found.kendall is found.ndcg is None
        return
    if found.spearman is not None:  # None where no resample has one
        assert found.spearman.value == pytest.approx(spearmanr(x, y).statistic)
    if found.kendall is not None:
        assert found.kendall.value == pytest.approx(kendalltau(x, y).statistic)
    assert stats.kendall_rows(x[None], y[None])[0] == pytest.approx(kendalltau(x, y).statistic)
    gains = (rankdata(y) - 1) / (len(y) - 1)
    assert stats.ndcg_rows(x[None], y[None])[0] == pytest.approx(ndcg_score([gains], [x], k=stats.top_count(len(y))))


@pytest.mark.parametrize("count", [40, 700, 2300])
def test_statistics_of_every_size(count: int) -> None:
    from scipy.stats import kendalltau, spearmanr

    rng = np.random.default_rng(count)
    y = rng.normal(size=count).round(2)
    x = (y + rng.normal(size=count)).round(1)
    found = stats.statistics_of(x, y, resamples=20, seed=1)
    best = np.argsort(-y, kind="stable")[: stats.top_count(count)]
    for estimate, expected in (
        (found.spearman, spearmanr(x, y)),
        (found.kendall, kendalltau(x, y)),
        (found.spearman_top, spearmanr(x[best], y[best])),
        (found.kendall_top, kendalltau(x[best], y[best])),
    ):
        assert estimate is not None
        assert estimate.value == pytest.approx(expected.statistic)
        assert estimate.low < estimate.value < estimate.high
    assert found == stats.statistics_of(x, y, resamples=20, seed=1)
    assert found != stats.statistics_of(x, y, resamples=20, seed=2)
    assert stats.Statistics.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_intervals_are_of_the_resamples() -> None:
    from scipy.stats import kendalltau

    rng = np.random.default_rng(0)
    y = rng.integers(0, 9, 30).astype(float)
    x = y + rng.integers(0, 9, 30)
    draws = stats.draws_of(30, 60, 5)
    each = [kendalltau(x[row], y[row]).statistic for row in draws]
    found = stats.statistics_of(x, y, resamples=60, seed=5).kendall
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(each, [0.025, 0.975])))


def test_the_ends_of_the_scale() -> None:
    y = np.arange(50.0)
    best, worst = stats.statistics_of(y, y, resamples=10, seed=0), stats.statistics_of(-y, y, resamples=10, seed=0)
    assert best.spearman is not None
    assert best.ndcg is not None
    assert worst.kendall is not None
    assert best.spearman.value == best.ndcg.value == pytest.approx(1)
    assert worst.kendall.value == pytest.approx(-1)
    assert stats.statistics_of([1.0], [1.0], resamples=10, seed=0).spearman is None


def test_random_order_is_a_half() -> None:
    rng = Random(0)
    y = np.arange(1000.0)
    found = [stats.ndcg_rows(np.array([rng.sample(range(1000), 1000)], dtype=float), y[None])[0] for _ in range(20)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)
