"""REINFORCE: what the policy learns from, and what it does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from PlainNet import Structure, parse
from SearchSpace import load_space
from SearchSpace.nasbench201 import Cell201, cell_of, network
from tests.zennas.searching.cell_searches import MODEL, Edges, answer, begin, by_worth, run
from tests.zennas.table_files import worth
from zennas.budget.budgets import Budget
from zennas.common.errors import WrongSettingError
from zennas.searching.guides.guide import Guide
from zennas.searching.objectives.base import best_first
from zennas.searching.policies.history import forget_worst
from zennas.searching.policies.policy import Adam
from zennas.searching.strategies.base import STRATEGIES, Problem, options_of
from zennas.testing.strategies import Params

BEST = (3, 3, 3, 3, 3, 3)


def test_the_policy_learns_what_is_good_and_says_so() -> None:
    search = begin("reinforce", 400)
    seen = run(search)
    learned = search.learned()
    early, late = ([worth(cell_of(one.structure)) for one in part] for part in (seen[:100], seen[-100:]))
    assert np.mean(late) > np.mean(early) + 8
    assert cell_of(parse(learned["policy_argmax"])).edges.count(3) >= 5
    assert learned["policy_entropy"] < 5
    assert learned["policy_steps"] == 400
    assert len(search.kept) == 400


@pytest.mark.parametrize("bonus", [0.0, 0.1])
def test_a_step_follows_the_reward_less_the_baseline(bonus: float) -> None:
    search = begin("reinforce", 10, reward="value", learning_rate=0.1, entropy_bonus=bonus)
    adam, rewards = Adam(0.1), list[float]()
    expected = None
    for _ in range(4):
        (candidate,) = search.ask(1)
        policy = search._policy.policy
        if expected is not None:
            assert policy.logits == pytest.approx(expected)
        choices = load_space("nasbench201").encode(candidate.structure)  # type: ignore[attr-defined]
        rewards.append(worth(cell_of(candidate.structure)) / 100)
        weights = [0.9 ** (len(rewards) - 1 - i) for i in range(len(rewards))]
        baseline = sum(w * r for w, r in zip(weights, rewards, strict=True)) / sum(weights)
        gradient = -(rewards[-1] - baseline) * policy.gradient(choices, range(6)) - bonus * policy.entropy_gradient()
        expected = policy.logits + adam.step(gradient)
        answer(search, [candidate])


def test_an_entropy_bonus_keeps_the_policy_exploring() -> None:
    entropies = []
    for bonus in (0.0, 0.5):
        search = begin("reinforce", 300, entropy_bonus=bonus)
        run(search)
        entropies.append(search.learned()["policy_entropy"])
    assert entropies[1] > entropies[0] + 1


def test_what_the_budget_rejects_has_no_reward() -> None:
    limit = MODEL(network(Cell201((0, 0, 3, 3, 3, 3)))).params
    search = begin("reinforce", 150, budget=Budget(params=limit))
    run(search)
    progress = search.progress()
    assert progress.rejected["params"] > 10
    assert search.learned()["policy_steps"] == progress.scored == 150


def test_a_failed_candidate_has_no_reward() -> None:
    search = begin("reinforce", 10)
    (candidate,) = search.ask(1)
    search.tell([candidate.evaluated("no luck")])
    assert search.learned()["policy_steps"] == 0
    assert search.state()["policy"]["out"] == {}


def test_a_warm_up_teaches_the_policy_and_the_baseline_starts_anew() -> None:
    search = begin("reinforce", 50, guide=Guide(by_worth, warm_up=400))
    (candidate,) = search.ask(1)
    assert 100 < search.progress().ranked < 400  # it ends early, as the policy is certain enough
    assert search._policy.certainty == pytest.approx(0.5, abs=0.05)
    assert search.state()["baseline"] == [0, 0]
    assert search.state()["policy"]["adam"]["steps"] == 0
    answer(search, [candidate])
    taught = [worth(cell_of(one.structure)) for one in run(search)]
    untaught = [worth(cell_of(one.structure)) for one in run(begin("reinforce", 50))]
    assert np.mean(taught) > np.mean(untaught) + 4


def test_a_warm_up_may_go_to_the_end_and_ranks_what_only_has_ranks() -> None:
    def ranks(structures: Sequence[Structure]) -> list[float]:
        found = by_worth(structures)
        return [float(sum(other < one for other in found)) for one in found]

    search = begin("reinforce", 50, guide=Guide(ranks, warm_up=300, relative=True), warm_up_certainty=1.0)
    search.ask(1)
    assert search.progress().ranked == 300
    assert cell_of(parse(search.learned()["policy_argmax"])).edges.count(3) >= 4


def test_a_move_is_the_best_of_several_draws() -> None:
    plain, moved = begin("reinforce", 20), begin("reinforce", 20, guide=Guide(by_worth, moves=30))
    means = [np.mean([worth(cell_of(one.structure)) for one in run(search)]) for search in (plain, moved)]
    assert means[1] > means[0] + 8
    assert 500 < moved.progress().ranked <= 600
    some = begin("reinforce", 20, guide=Guide(by_worth, moves=30, at_random=1.0))
    run(some)
    assert some.progress().ranked == 0


def test_the_history_is_kept_where_the_best_is_relative_to_it() -> None:
    search = begin("reinforce", 120, Edges())
    run(search)
    assert len(search.kept) == 120
    most = max(cell_of(one.structure).edges.count(3) for one in search.kept)
    assert cell_of(best_first(search.objective, search.kept)[0].structure).edges.count(3) == most


def test_a_history_without_room_keeps_its_best() -> None:
    search = begin("reinforce", 60)
    seen = run(search)
    forget_worst(search, room=61)
    assert len(search.kept) == 60
    search.take_changes()
    forget_worst(search, room=60, left=20)
    values = sorted((worth(cell_of(one.structure)) for one in seen), reverse=True)
    assert sorted((worth(cell_of(one.structure)) for one in search.kept), reverse=True) == values[:20]
    assert len(search.take_changes()) == 40


def test_a_named_beginning_is_the_first_candidate_and_teaches_nothing() -> None:
    initial = network(Cell201(BEST))
    search = begin("reinforce", 20, initial=initial)
    (first,) = search.ask(1)
    assert first.structure == initial
    answer(search, [first])
    run(search)
    assert search.learned()["policy_steps"] == 19


def test_edges_that_a_network_leaves_out_are_not_learned() -> None:
    strategy = STRATEGIES.get("reinforce")
    problem = Problem(load_space("darts"), MODEL, Budget(), (), Params(), 100, 0)
    search = strategy.make(problem, options_of(strategy, {}))
    before: list[list[float]] = []
    for _ in range(2):  # the advantage of the first is 0
        (candidate,) = search.ask(1)
        state = search.state()
        (drawn,) = state["policy"]["out"].values()
        before = state["policy"]["logits"]
        search.tell([candidate.evaluated(Params().measure(candidate))])
    after = search.state()["policy"]["logits"]
    counted = drawn[1]
    assert len(counted) == 16
    moments = search.state()["policy"]["adam"]["first"]
    for i in range(28):
        assert (before[i] != after[i]) == any(moments[i])
        assert any(moments[i]) == (i in counted)


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(WrongSettingError, match="no value of its own"):
        begin("reinforce", 10, Edges(), reward="value")
    with pytest.raises(WrongSettingError, match="baseline"):
        begin("reinforce", 10, baseline=1.0)
