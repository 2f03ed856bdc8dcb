"""The policy's probabilities and gradients, and Adam and the baseline, against plain references."""

from __future__ import annotations

import json
from collections import Counter
from itertools import product
from math import exp, log
from random import Random

import numpy as np
import pytest
import torch

from zennas.searching.policies.policy import Adam, MovingAverage, Policy

COUNTS = (3, 1, 4)


def policy(spread: float = 1.0) -> Policy:
    return Policy(COUNTS, Random(0), spread)


def plain(found: Policy) -> list[list[float]]:
    """The probabilities, from the logits, without numpy."""
    rows = [[exp(value) for value in row] for row in found.state()]
    return [[value / sum(row) for value in row] for row in rows]


def log_probability_with(found: Policy, row: int, option: int, by: float, choices: tuple[int, ...]) -> float:
    """`log_probability` of the first and the last decision with one logit changed."""
    state = found.state()
    state[row][option] += by
    other = policy()
    other.restore(state)
    return other.log_probability(choices, (0, 2))


def test_a_policy_begins_almost_uniform() -> None:
    found = Policy((5,) * 6, Random(0))
    assert found.entropy() == pytest.approx(6 * log(5), abs=1e-4)
    assert 0 < np.abs(found.logits).max() < 0.01


def test_choices_are_drawn_with_their_probabilities() -> None:
    found, rng, n = policy(), Random(1), 20_000
    drawn = Counter(found.sample(rng) for _ in range(n))
    expected = plain(found)
    for choices in product(*map(range, COUNTS)):
        p = expected[0][choices[0]] * expected[1][choices[1]] * expected[2][choices[2]]
        assert drawn[choices] / n == pytest.approx(p, abs=5 * (p / n) ** 0.5)
        assert found.log_probability(choices, (0, 1, 2)) == pytest.approx(log(p))


def test_the_most_probable_option_of_each_decision() -> None:
    found = policy()
    assert found.argmax() == tuple(row.index(max(row)) for row in found.state())
    assert found.logits_of((2, 0, 3)) == [found.state()[0][2], found.state()[1][0], found.state()[2][3]]


def test_the_gradient_is_that_of_finite_differences_and_leaves_other_decisions_alone() -> None:
    found, choices, step = policy(), (2, 0, 1), 1e-6
    gradient = found.gradient(choices, (0, 2))
    for row, count in enumerate(COUNTS):
        for option in range(count):
            high, low = (log_probability_with(found, row, option, by, choices) for by in (step, -step))
            assert gradient[row, option] == pytest.approx((high - low) / (2 * step), abs=1e-8)
    assert not gradient[1].any()


def test_entropy_and_its_gradient_are_those_of_torch() -> None:
    found = policy()
    logits = [torch.tensor(row, dtype=torch.float64, requires_grad=True) for row in found.state()]
    entropy = torch.stack([torch.distributions.Categorical(logits=row).entropy() for row in logits]).sum()
    entropy.backward()
    assert found.entropy() == pytest.approx(entropy.item())
    for row, own in zip(logits, found.entropy_gradient(), strict=True):
        assert row.grad is not None
        assert own[: len(row)].tolist() == pytest.approx(row.grad.tolist(), abs=1e-12)


def test_adam_is_that_of_torch() -> None:
    rng = np.random.default_rng(0)
    own, numbers = Adam(0.04), rng.normal(size=(2, 3))
    theirs = torch.nn.Parameter(torch.tensor(numbers))
    optimiser = torch.optim.Adam([theirs], lr=0.04)
    for _ in range(30):
        gradient = rng.normal(size=(2, 3))
        theirs.grad = torch.tensor(gradient)
        optimiser.step()
        numbers = numbers + own.step(gradient)
        assert numbers.ravel().tolist() == pytest.approx(theirs.detach().ravel().tolist(), abs=1e-12)
        again = Adam(0.04)
        again.restore(json.loads(json.dumps(own.state())))
        own = again


def test_the_baseline_is_not_drawn_to_zero() -> None:
    average = MovingAverage(0.9)
    assert average.add(2.0) == pytest.approx(2.0)
    assert average.add(4.0) == pytest.approx((0.9 * 2 + 4) / 1.9)
    assert average.add(0.0) == pytest.approx((0.81 * 2 + 0.9 * 4) / 2.71)


def test_steps_change_the_logits_and_a_state_brings_them_back() -> None:
    found = policy()
    before = found.probabilities[0, 2]
    found.change(found.gradient((2, 0, 1), (0,)))
    assert found.probabilities[0, 2] > before
    assert np.isneginf(found.logits[1, 1:]).all()  # options that a decision does not have
    other = Policy(COUNTS, Random(7))
    other.restore(json.loads(json.dumps(found.state())))
    assert other.sample(Random(3)) == found.sample(Random(3))
    with pytest.raises(ValueError, match="expected"):
        Policy((3, 3), Random(0)).restore(found.state())
