"""What a policy is rewarded with."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pytest

from PlainNet.cost import CostModel
from SearchSpace import load_space
from zennas.common.errors import WrongSettingError
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.policies.rewards import DifferenceReward, Ranking, RankReward, ValueReward, reward_of
from zennas.testing.strategies import Params, Ranks

STRUCTURE = load_space("XXBL").initial()
COST = CostModel(32, 10)(STRUCTURE)


class One(Params):
    """An objective with one score."""

    measures = ("a",)

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        return [one.measures["a"].value for one in candidates]


class Accuracy(One):
    per_cent = True


class Two(Params):
    """An objective that ranks by two indicators."""

    relative, measures = True, ("a", "b")

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        return [one.measures["a"].value + one.measures["b"].value for one in candidates]

    def indicators(self, candidates: Sequence[Candidate]) -> list[tuple[float, ...]]:
        return [tuple(one.measures[name].value for name in self.measures) for one in candidates]


def candidates(rows: Sequence[tuple[float, ...]]) -> list[Candidate]:
    return [
        Candidate(i, STRUCTURE, None, COST, i, i).evaluated(dict(zip("ab", map(Measure, row), strict=False)))
        for i, row in enumerate(rows, start=1)
    ]


def test_the_usual_rewards() -> None:
    assert isinstance(reward_of(Accuracy(), None), ValueReward)
    assert isinstance(reward_of(One(), None), RankReward)
    assert isinstance(reward_of(Two(), None), DifferenceReward)
    assert isinstance(reward_of(Ranks(), None), RankReward)
    assert isinstance(reward_of(Two(), "rank"), RankReward)
    assert isinstance(reward_of(One(), "difference"), DifferenceReward)


def test_rewards_that_an_objective_does_not_have_are_refused() -> None:
    with pytest.raises(WrongSettingError, match="no value of its own: use rank"):
        reward_of(Two(), "value")
    with pytest.raises(WrongSettingError, match="no indicators"):
        reward_of(Ranks(), "difference")


def test_an_accuracy_is_a_share() -> None:
    (candidate,) = candidates([(93.5,)])
    assert reward_of(Accuracy(), None).of(candidate, ()) == pytest.approx(0.935)


def test_differences_are_on_the_scale_of_the_last_ten() -> None:
    reward = reward_of(Two(), None)
    found = [reward.of(one, ()) for one in candidates([(1, 8), (3, 4), (2, 6)])]
    assert found[0] == 0
    assert found[1] == pytest.approx(2 / (2 + 1e-6) - 4 / (4 + 1e-6))
    assert found[2] == pytest.approx(-1 / (2 + 1e-6) + 2 / (4 + 1e-6))
    for one in candidates([(0, 0)] * 9):
        reward.of(one, ())
    (last,) = candidates([(5, 1)])  # the ten last are nine times (0, 0), and this one
    assert reward.of(last, ()) == pytest.approx(5 / (5 + 1e-6) + 1 / (1 + 1e-6))


def test_an_infinite_indicator_counts_as_the_worst_or_the_best_of_the_window() -> None:
    reward = reward_of(Two(), None)
    rows = [(1, 1), (3, 3), (-math.inf, math.inf), (math.nan, 2)]
    found = [reward.of(one, ()) for one in candidates(rows)]
    assert found[2] == pytest.approx(-2 / (2 + 1e-6))
    assert found[3] == pytest.approx(-1 / (2 + 1e-6))


def test_ranks_are_those_of_each_indicator_in_the_history() -> None:
    reward = reward_of(Two(), "rank")
    found = [reward.of(one, ()) for one in candidates([(1, 8), (3, 4), (3, 9)])]
    assert found == pytest.approx([0.5, (0.75 + 0.25) / 2, (2 / 3 + 2.5 / 3) / 2])


def test_an_objective_without_indicators_is_asked_for_its_ranks() -> None:
    reward = RankReward(Ranks())
    model = CostModel(32, 10)
    spaces = load_space("nasbench201"), load_space("XXBL"), load_space("units")
    measured = []
    for i, space in enumerate(spaces, start=1):
        structure = space.initial()
        one = Candidate(i, structure, None, model(structure), i, i)
        measured.append(one.evaluated(Params().measure(one)))
    costs = [one.cost.params for one in measured]
    for i, one in enumerate(measured):
        below = sum(other < costs[i] for other in costs[:i])
        assert reward.of(one, measured[:i]) == pytest.approx((below + 0.5) / (i + 1))


def test_a_ranking_forgets_what_is_old_and_can_be_restored() -> None:
    ranking = Ranking(3)
    assert [ranking.add(value) for value in (5.0, 1.0, 3.0)] == pytest.approx([0.5, 0.25, 0.5])
    assert ranking.add(4.0) == pytest.approx(2.5 / 3)  # 5 is forgotten
    assert ranking.add(-math.inf) == pytest.approx(0.5 / 3)
    assert ranking.add(math.nan) == pytest.approx(1 / 3)  # as bad as the one before
    again = Ranking(3)
    again.restore(json.loads(json.dumps(ranking.state(), allow_nan=False)))
    assert again.add(4.0) == ranking.add(4.0)


def test_a_restored_reward_goes_on() -> None:
    rows = [(float(i % 5), float(i % 3)) for i in range(20)]
    for kind in ("rank", "difference"):
        whole, first, second = (reward_of(Two(), kind) for _ in range(3))
        ones = candidates(rows)
        expected = [whole.of(one, ()) for one in ones]
        for one in ones[:12]:
            first.of(one, ())
        second.restore(json.loads(json.dumps(first.state())))
        assert [second.of(one, ()) for one in ones[12:]] == pytest.approx(expected[12:])
