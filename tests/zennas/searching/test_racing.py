"""Races: who wins, when candidates leave, when a race ends, and how many evaluations it takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from zennas.searching.choosing.racing import LEAST, Raced, race

Scores = np.ndarray
ROUNDS = 8


def made(means: list[float], noise: float, seed: int, rounds: float = 1.0) -> Scores:
    """Scores (candidates, rounds) with known means, noise, and effects of the rounds."""
    rng = np.random.default_rng(seed)
    shape = len(means), ROUNDS
    return np.array(means)[:, None] + rounds * rng.normal(size=ROUNDS) + noise * rng.normal(size=shape)


def looked_up(scores: Scores) -> Callable[[int, int], float]:
    return lambda number, i: float(scores[number, i])


def raced(scores: Scores, difference: float = 0.0) -> Raced:
    return race(range(len(scores)), looked_up(scores), ROUNDS, difference)


@pytest.mark.parametrize("best", range(0, 8, 3))
@pytest.mark.parametrize("gap", [5.0, 20.0])
def test_the_winner_is_that_of_all_rounds_where_gaps_are_known(best: int, gap: float) -> None:
    means = [100.0 - gap * ((i - best) % 8) for i in range(8)]
    for seed in range(50):
        scores = made(means, 1.0, seed, rounds=10.0)
        found = raced(scores)
        assert found.order[0] == scores.mean(1).argmax() == best
        assert found.evaluations < scores.size


def test_a_candidate_far_below_leaves_after_the_least_rounds() -> None:
    for seed in range(30):
        found = raced(made([100.0, 99.9, 0.0, 100.1], 1.0, seed))
        assert len(found.scores[2]) == LEAST
        assert found.order[-1] == 2


def test_the_best_hardly_ever_leaves() -> None:
    """Its probability is bounded by 5 %, whatever the means; the harder cases are those just below it."""
    lost = 0
    for seed in range(400):
        scores = made([100.0, *[99.7] * 7], 1.0, seed)
        lost += 0 not in raced(scores).order[: raced(scores).left]
    assert lost <= 0.05 * 400


def test_of_equals_the_first_wins() -> None:
    found = [raced(made([100.0] * 8, 1.0, seed)).order[0] for seed in range(100)]
    assert found.count(0) >= 90


def test_differences_that_do_not_matter_end_a_race() -> None:
    for seed in range(20):
        close = made([100.0, 100.3, 99.8, 100.1], 0.1, seed)
        found = raced(close, difference=0.02)
        assert (found.stopped, found.evaluations) in [
            ("the others are no better", 4 * LEAST),
            ("one is left", 4 * LEAST),
        ]
        assert found.evaluations <= raced(close).evaluations


def test_a_race_ends_when_more_rounds_would_not_decide() -> None:
    counts, agreed = [], 0
    for seed in range(100):
        scores = made([100.0] * 8, 1.0, seed)
        found = raced(scores)
        counts.append(found.evaluations)
        half = 3.3 * np.sqrt(2 / ROUNDS)  # about that of all rounds
        agreed += bool((scores.mean(1).max() - scores[0].mean() > half) == (found.order[0] != 0))
    assert np.mean(counts) < 0.75 * scores.size
    assert agreed >= 95


def test_scores_without_noise_decide_at_once() -> None:
    found = raced(np.repeat([[1.0], [3.0], [2.0]], ROUNDS, axis=1))
    assert (found.order, found.left, found.evaluations) == ((1, 2, 0), 1, 3 * LEAST)
    same = raced(np.ones((3, ROUNDS)))
    assert (same.order, same.left, same.evaluations) == ((0, 1, 2), 3, 3 * LEAST)


def test_one_candidate_is_evaluated_for_its_interval() -> None:
    found = raced(made([5.0], 1.0, 0))
    assert (found.order, found.evaluations, found.stopped) == ((0,), LEAST, "one is left")


def test_after_a_single_round_the_scores_are_all_there_is() -> None:
    found = race([7, 8, 9], lambda number, i: {7: 1.0, 8: 3.0, 9: 2.0}[number], 1, 0.0)
    assert (found.order, found.evaluations, found.left) == ((8, 9, 7), 3, 3)


def test_negative_scores_and_large_ones() -> None:
    scores = made([-1e9, -1e9 + 50, -1e9 - 50], 1.0, 0)
    assert raced(scores).order == (1, 0, 2)
    assert raced(scores, difference=1e-7).order == (1, 0, 2)


def test_failures_leave_the_race() -> None:
    scores = made([100.0, 50.0, 200.0], 1.0, 0)

    def evaluate(number: int, i: int) -> float | None:
        return None if number == 2 and i == 1 else float(scores[number, i])

    found = race(range(3), evaluate, ROUNDS, 0.0)
    assert found.order == (0, 1)
    assert found.scores[2] == ()
    assert race(range(3), lambda number, i: None, ROUNDS, 0.0).order == ()


def test_progress_never_passes_its_total() -> None:
    seen: list[tuple[int, int]] = []
    scores = made([100.0, 99.0, 98.0, 0.0], 1.0, 0)
    found = race(range(4), looked_up(scores), ROUNDS, 0.0, lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 4 * ROUNDS)
    assert seen[-1] == (found.evaluations, found.evaluations)
    assert all(done <= total for done, total in seen)
    assert [total for _, total in seen] == sorted((total for _, total in seen), reverse=True)
