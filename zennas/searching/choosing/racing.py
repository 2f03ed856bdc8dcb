"""Racing: deciding which of a few candidates has the highest mean score with as few evaluations as possible.

Every round evaluates each candidate in the race once more, all with the same seed. Scores are taken as the sum of an
effect of the candidate, an effect of the round, and noise whose variance is that of all candidates (a design of
randomised blocks). So the noise is estimated from all evaluations together, and two rounds of eight candidates already
give it seven degrees of freedom, where the differences of a single pair would give one. Intervals of differences are
Student's; an empirical Bernstein bound needs a range of the scores, and would be wider than all gaps at these numbers.

A candidate leaves the race when its interval lies below that of the leader. LEVEL bounds the probability that the best
one ever leaves, by Bonferroni's inequality over candidates and rounds. Between those left, the order in which they came
decides, so the race also ends when the first of them will not leave: no other is better by a difference that matters,
or the rounds that remain are not enough to show it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

LEVEL = 0.05
"""The probability that the best candidate leaves the race, at most."""
LEAST = 2
"""Rounds before anything is decided: one tells nothing about the noise."""

Stopped: TypeAlias = Literal[
    "one is left", "the others are no better", "more rounds would not decide", "all rounds are done"
]


@dataclass(frozen=True)
class Raced:
    """The outcome of a race.

    order: the candidates, best first: those left in the order in which they came, since their scores do not tell them
        apart, and then those that left, by their scores. After a single round, all are ordered by their scores.
    left: how many of `order` were left at the end.
    scores: the scores of each candidate, by round; empty if its evaluation failed.
    stopped: why the race ended.
    """

    order: tuple[int, ...]
    left: int
    scores: Mapping[int, tuple[float, ...]]
    stopped: Stopped

    @property
    def evaluations(self) -> int:
        """The number of scores, without failures."""
        return sum(map(len, self.scores.values()))


def race(
    candidates: Sequence[int],
    evaluate: Callable[[int, int], float | None],
    most: int,
    difference: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Raced:
    """Evaluate candidates until the best is known, and return all in order.

    candidates: their numbers, in the order that counts where their scores do not tell them apart.
    evaluate: returns the score of a candidate in a round, from 0; higher is better. None if it fails: the candidate
        leaves the race and the order.
    most: the number of rounds, at most.
    difference: the race ends when no candidate is better than the first one left by more than this share of its score.
    progress: called before each evaluation, and at the end, with the evaluations done and the most that can follow.
    """
    racing, scores = list(candidates), {number: list[float]() for number in candidates}
    stopped: Stopped = "all rounds are done"
    done = 0
    for i in range(most):
        for place, number in enumerate(list(racing)):
            progress(done, done + len(racing) * (most - i) - place)
            score = evaluate(number, i)
            done += 1
            if score is None:
                racing.remove(number)
                scores[number] = []
            else:
                scores[number].append(score)
        if not racing:
            break
        if i + 1 < LEAST:
            continue
        noise, freedom = noise_of(scores)
        sure = half_width(noise, freedom, i + 1, len(candidates), most)
        means = {number: math.fsum(scores[number]) / (i + 1) for number in racing}
        leading = max(means.values())
        racing = [number for number in racing if leading - means[number] <= sure]
        if len(racing) == 1:
            stopped = "one is left"
            break
        if i + 1 == most:
            break
        first = means[racing[0]]
        if leading - first + sure <= difference * abs(first):
            stopped = "the others are no better"
            break
        later = freedom + (len(racing) - 1) * (most - i - 1)
        at_the_end = half_width(noise, later, most, len(candidates), most)
        if leading - first + _change(noise, freedom, i + 1, most) <= at_the_end:
            stopped = "more rounds would not decide"
            break
    progress(done, done)
    return Raced(_order(racing, scores), len(racing), {n: tuple(found) for n, found in scores.items()}, stopped)


def _order(racing: list[int], scores: Mapping[int, list[float]]) -> tuple[int, ...]:
    scored = {number: found for number, found in scores.items() if found}
    if not scored:
        return ()
    effects = _fit(scored)[0]
    if max(map(len, scored.values())) < LEAST:  # the scores are all there is
        return tuple(sorted(racing, key=lambda number: -effects[number]))
    behind = [number for number in scored if number not in racing]
    return (*racing, *sorted(behind, key=lambda number: -effects[number]))


def noise_of(scores: Mapping[int, list[float]]) -> tuple[float, int]:
    """Return the standard deviation of the noise, and its degrees of freedom."""
    _, noise, freedom = _fit({number: found for number, found in scores.items() if found})
    return noise, freedom


def half_width(noise: float, freedom: int, rounds: int, candidates: int, most: int) -> float:
    """Half of the interval of the difference between two candidates after `rounds`; infinite without freedom."""
    if not freedom:
        return math.inf
    decisions = max(1, candidates - 1) * (most - LEAST + 1)
    return _quantile(freedom, 1 - LEVEL / decisions) * noise * math.sqrt(2 / rounds)


def _change(noise: float, freedom: int, rounds: int, most: int) -> float:
    """How much the difference between two candidates can still grow by the rounds from `rounds` to `most`."""
    if not freedom:
        return math.inf
    return _quantile(freedom, 1 - LEVEL) * noise * math.sqrt(2 / rounds - 2 / most)


def _quantile(freedom: int, probability: float) -> float:
    """The quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def _fit(scores: Mapping[int, list[float]]) -> tuple[dict[int, float], float, int]:
    """Return the effect of each candidate, the standard deviation of the noise, and its degrees of freedom.

    The least squares of effects of candidates and rounds, where candidates that left have fewer rounds.
    """
    rounds = max(map(len, scores.values()))
    columns = {number: place for place, number in enumerate(scores)}
    design, values = [], []
    for number, found in scores.items():
        for i, score in enumerate(found):
            row = np.zeros(len(columns) + rounds - 1)
            row[columns[number]] = 1
            if i:
                row[len(columns) + i - 1] = 1
            design.append(row)
            values.append(score)
    matrix, wanted = np.array(design), np.array(values)
    centre = wanted.mean()  # otherwise, the digits that differ are lost where scores are large
    found_effects = np.linalg.lstsq(matrix, wanted - centre, rcond=None)[0]
    errors = wanted - centre - matrix @ found_effects
    freedom = len(wanted) - matrix.shape[1]
    noise = math.sqrt(float(errors @ errors) / freedom) if freedom else 0.0
    return {number: float(found_effects[place] + centre) for number, place in columns.items()}, noise, freedom
