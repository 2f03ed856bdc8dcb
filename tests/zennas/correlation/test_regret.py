"""Design regret: against a loop over all orders of ties, and its properties."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zennas.correlation.choices import choices_of
from zennas.correlation.regret import Regrets, design_regrets, first_picks, resample_counts, within
from zennas.correlation.statistics import Floats

NETWORKS = st.lists(
    st.tuples(st.integers(0, 3) | st.just(None), st.integers(80, 95), st.integers(0, 5) | st.just(None)),
    min_size=1,
    max_size=8,
)
"""Scores, accuracies and costs, with many ties; None where there is none."""


def arrays(networks: list[tuple[int | None, int, int | None]]) -> tuple[Floats, Floats, Floats]:
    scores, accuracies, costs = np.array(networks, dtype=float).T
    return scores, accuracies, costs


def slowly(scores: Floats, accuracies: Floats, costs: Floats, budget: float, top: int) -> tuple[float, float, float]:
    """The three regrets at one budget, by trying all sets that could be picked where scores are equal."""
    fitting = [i for i, cost in enumerate(costs) if cost <= budget]
    scored = [i for i in fitting if not np.isnan(scores[i])]
    if not scored:
        return (float("nan"),) * 3
    best = max(accuracies[i] for i in fitting)
    picks = {}
    for number in (1, top):
        number = min(number, len(scored))
        threshold = sorted((scores[i] for i in scored), reverse=True)[number - 1]
        sure = [i for i in scored if scores[i] > threshold]
        tied = [i for i in scored if scores[i] == threshold]
        sets = [[*sure, *some] for some in combinations(tied, number - len(sure))]
        picks[number] = (
            best - float(np.mean([max(accuracies[i] for i in some) for some in sets])),
            best - float(np.mean([np.mean([accuracies[i] for i in some]) for some in sets])),
        )
    last = picks[min(top, len(scored))]
    return picks[1][1], last[0], last[1]


def rows_of(regrets: Regrets) -> Floats:
    return np.array([regrets.pick, regrets.best_of_top, regrets.mean_of_top])


@given(NETWORKS, st.integers(1, 4))
@settings(max_examples=200)
def test_regrets_are_those_of_a_loop(networks: list[tuple[int | None, int, int | None]], top: int) -> None:
    scores, accuracies, costs = arrays(networks)
    budgets = np.arange(-1, 6, dtype=float)
    found = rows_of(design_regrets(scores, accuracies, within(costs, budgets), top=top))
    expected = np.array([slowly(scores, accuracies, costs, budget, top) for budget in budgets]).T
    assert found == pytest.approx(expected, nan_ok=True)


@given(NETWORKS, st.integers(0, 3))
@settings(max_examples=50)
def test_a_resample_counts_as_the_networks_that_it_repeats(
    networks: list[tuple[int | None, int, int | None]], seed: int
) -> None:
    scores, accuracies, costs = arrays(networks)
    budgets = np.array([1.0, 5.0])
    counts = resample_counts(len(scores), 5, seed)
    found = rows_of(design_regrets(scores, accuracies, within(costs, budgets), counts, top=3))
    for i, count in enumerate(counts):
        drawn = np.repeat(np.arange(len(scores)), count)
        fits = within(costs[drawn], budgets)
        alone = rows_of(design_regrets(scores[drawn], accuracies[drawn], fits, top=3))
        assert found[:, :, i] == pytest.approx(alone, nan_ok=True)


def many(count: int = 700) -> tuple[Floats, Floats, Floats, Floats]:
    rng = np.random.default_rng(count)
    costs = rng.lognormal(size=count)
    accuracies = 80 + costs.clip(0, 5) + rng.normal(size=count)
    budgets: Floats = np.quantile(costs, [0.05, 0.1, 0.3, 0.5, 0.9])
    return accuracies + rng.normal(size=count), accuracies, costs, budgets


def test_the_accuracy_itself_has_no_regret() -> None:
    _, accuracies, costs, budgets = many()
    found = design_regrets(accuracies, accuracies, within(costs, budgets))
    assert found.pick.tolist() == found.best_of_top.tolist() == [0.0] * 5
    assert (found.mean_of_top > 0).all()


def test_a_pick_at_random_is_the_mean_of_all_that_fit() -> None:
    _, accuracies, costs, budgets = many()
    fits = within(costs, budgets)
    found = design_regrets(np.zeros(len(costs)), accuracies, fits)
    means = np.array([accuracies[fitting].max() - accuracies[fitting].mean() for fitting in fits])
    assert found.pick == pytest.approx(means)
    assert found.mean_of_top == pytest.approx(means)
    rng = np.random.default_rng(0)
    fitting = accuracies[fits[2]]
    drawn = [fitting.max() - rng.choice(fitting, 10, replace=False).max() for _ in range(4000)]
    assert found.best_of_top[2] == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / 4000**0.5)


def test_a_larger_budget_never_has_a_lower_best() -> None:
    scores, accuracies, costs, budgets = many()
    fits = within(costs, budgets)
    picked = [accuracies[picks].mean() for picks in first_picks(scores, fits)]
    best = np.array(picked) + design_regrets(scores, accuracies, fits).pick
    assert best == pytest.approx([accuracies[fitting].max() for fitting in fits])
    assert (np.diff(best) >= 0).all()


def test_the_order_of_the_table_decides_nothing() -> None:
    scores, accuracies, costs, budgets = many()
    scores = scores.round(0)
    order = np.random.default_rng(1).permutation(len(costs))
    ours = design_regrets(scores, accuracies, within(costs, budgets))
    theirs = design_regrets(scores[order], accuracies[order], within(costs[order], budgets))
    assert rows_of(ours) == pytest.approx(rows_of(theirs))


def test_rounding_decides_nothing() -> None:
    scores, accuracies, costs, budgets = many()
    scores = scores.round(0)
    noisy = scores * (1 + 1e-14 * np.random.default_rng(2).normal(size=len(scores)))
    fits = within(costs, budgets)
    assert len(np.unique(noisy)) > len(np.unique(scores))
    ours, theirs = (design_regrets(values, accuracies, fits) for values in (scores, noisy))
    assert rows_of(ours) == pytest.approx(rows_of(theirs), abs=0)
    for mine, other in zip(first_picks(scores, fits), first_picks(noisy, fits), strict=True):
        assert mine.tolist() == other.tolist()


@pytest.mark.parametrize("digits", [0, 3])
def test_intervals_contain_the_estimate(digits: int) -> None:
    scores, accuracies, costs, budgets = many()
    fits, counts = within(costs, budgets), resample_counts(len(costs), 60, 3)
    found = choices_of("mine", scores.round(digits), accuracies, fits, counts)
    assert found == choices_of("mine", scores.round(digits), accuracies, fits, resample_counts(len(costs), 60, 3))
    ours = design_regrets(scores.round(digits), accuracies, fits)
    for estimate, value in (
        (found.mean, ours.pick.mean()),
        (found.median, np.median(ours.pick)),
        (found.best_of_top, ours.best_of_top.mean()),
        (found.mean_of_top, ours.mean_of_top.mean()),
        *zip(found.by_budget, ours.pick, strict=True),
    ):
        assert estimate is not None
        assert estimate.value == pytest.approx(value)
        assert 0 <= estimate.low <= estimate.value <= estimate.high
    assert type(found).from_json(found.to_json()) == found


def test_without_a_score_that_fits_there_is_no_regret() -> None:
    scores, accuracies, costs = np.array([np.nan, 1.0, 2.0]), np.array([90.0, 91.0, 92.0]), np.array([1.0, 2.0, 3.0])
    fits = within(costs, np.array([1.0, 3.0]))
    found = choices_of("mine", scores, accuracies, fits, resample_counts(3, 20, 0))
    assert found.mean is found.median is found.best_of_top is found.by_budget[0] is None
    assert found.by_budget[1] is not None
