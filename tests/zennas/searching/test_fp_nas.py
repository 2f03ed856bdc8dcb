"""FP-NAS: as many samples a step as the policy is uncertain, weighted by their merits."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest

from PlainNet import parse
from SearchSpace import DecisionSpace, load_space
from SearchSpace.nasbench201 import cell_of
from tests.zennas.searching.cell_searches import Edges, answer, begin, by_worth, run
from tests.zennas.table_files import worth
from zennas.searching.guides.guide import Guide
from zennas.searching.policies.fp_nas import merits, samples_of
from zennas.searching.policies.policy import Adam


def test_samples_follow_the_entropy() -> None:
    assert [samples_of(entropy, 1.0) for entropy in (9.66, 9.0, 2.1, 1.0, 0.0)] == [10, 9, 3, 2, 2]
    assert samples_of(9.66, 0.25) == 3


def test_merits_are_the_softmax_of_minus_the_sum_of_ranks() -> None:
    sums = [exp(-2.0), exp(-5.5), exp(-4.5)]  # ranks 1 and 1, 3 and 2.5, 2 and 2.5
    assert merits([(5, 9), (1, 2), (3, 2)]) == pytest.approx([one / sum(sums) for one in sums])
    assert merits([(float("-inf"),), (0.0,)]) == pytest.approx([exp(-1) / (1 + exp(-1)), 1 / (1 + exp(-1))])


def test_a_step_ends_when_all_its_samples_have_results() -> None:
    search = begin("fp_nas", 100)
    asked = search.ask(50)
    assert len(asked) == samples_of(6 * log(5), 1.0) == 10
    assert search.ask(5) == []
    policy = search._policy.policy
    before = policy.logits
    answer(search, asked[:9])
    assert search.ask(5) == []
    assert search.learned()["policy_steps"] == 0
    space = load_space("nasbench201")
    assert isinstance(space, DecisionSpace)
    weights = merits([(worth(cell_of(one.structure)),) for one in asked])
    weighted = [
        m * policy.gradient(space.encode(one.structure), range(6)) for m, one in zip(weights, asked, strict=True)
    ]
    expected = before + Adam(0.1).step(-np.sum(weighted, axis=0))
    answer(search, asked[9:])
    assert search.learned()["policy_steps"] == 1
    assert search._policy.policy.logits == pytest.approx(expected)
    assert len(search.ask(50)) == 10


def test_the_number_of_samples_falls_as_the_policy_learns_and_the_search_ends() -> None:
    search = begin("fp_nas", 3000, least_entropy=0.5)
    numbers = []
    while not search.done:
        asked = search.ask(100)
        numbers.append(len(asked))
        answer(search, asked)
    assert numbers[0] == 10
    assert numbers[-1] == 2
    learned = search.learned()
    assert learned["policy_converged"] == "yes"
    assert learned["policy_entropy"] < 0.5
    assert search.progress().scored < 3000
    assert cell_of(parse(learned["policy_argmax"])).edges.count(3) >= 5
    assert search.ask(5) == []


def test_a_failed_sample_is_drawn_again() -> None:
    search = begin("fp_nas", 100)
    asked = search.ask(50)
    answer(search, asked[:-1])
    search.tell([asked[-1].evaluated("no luck")])
    assert search.learned()["policy_steps"] == 0
    assert len(search.ask(50)) == 1


def test_known_structures_count_as_samples_and_are_not_evaluated_again() -> None:
    search = begin("fp_nas", 5000, repeats=False, iterations=20_000)
    seen = run(search)
    assert search.learned()["policy_converged"] == "yes"
    assert len({one.structure for one in seen}) == len(seen)
    assert search.progress().rejected["duplicate"] > 20
    assert search.progress().tried < 20_000


def test_pending_samples_that_are_drawn_again_wait_for_their_results() -> None:
    search = begin("fp_nas", 5000, repeats=False, iterations=20_000)
    while search._policy.updates < 60 and not search.done:
        answer(search, search.ask(100))
    steps = search._policy.updates
    while search._policy.updates == steps and not search.done:
        asked = search.ask(100)
        if asked:
            assert search._policy.updates == steps
            search.tell([asked[0].evaluated("no luck")])
            answer(search, asked[1:])
    assert all(number != asked[0].id for _, number in search._step)


def test_objectives_without_indicators_are_asked_for_ranks_within_the_step() -> None:
    search = begin("fp_nas", 600, Edges())
    run(search)
    assert cell_of(parse(search.learned()["policy_argmax"])).edges.count(3) >= 5


def test_a_warm_up_takes_steps_by_the_cheap_score() -> None:
    search = begin("fp_nas", 20, guide=Guide(by_worth, warm_up=2000))
    found = [worth(cell_of(one.structure)) for one in run(search)]
    assert 100 < search.progress().ranked < 2000
    assert np.mean(found) > np.mean([worth(cell_of(one.structure)) for one in run(begin("fp_nas", 20))]) + 4
