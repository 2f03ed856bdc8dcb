"""The search by a predictor: its rounds, its warm-up, and that a search that is continued ends the same."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pytest

from PlainNet import Structure
from PlainNet.cost import CostModel
from SearchSpace import load_space
from SearchSpace.nasbench201 import cell_of
from tests.zennas.searching.test_aging import MODEL, Worth, steps
from tests.zennas.table_files import worth
from zennas.budget.budgets import Budget
from zennas.common.errors import WrongSettingError
from zennas.runs.candidate import Candidate
from zennas.searching.guides.guide import LAST, Guide
from zennas.searching.strategies.base import Problem
from zennas.searching.strategies.predictor import PredictorOptions, PredictorSearch
from zennas.testing.strategies import BUDGET, Params

QUICK = {"width": 16, "layers": 2, "epochs": 5, "warm_up_epochs": 5}


def true_worth(structures: Sequence[Structure]) -> list[float]:
    return [worth(cell_of(one)) for one in structures]


def begin(evaluations: int, guide: Guide | None = None, seed: int = 0, **options: object) -> PredictorSearch:
    problem = Problem(
        load_space("nasbench201"), MODEL, Budget(), (), Worth(), 100_000, seed, evaluations, repeats=True, guide=guide
    )
    return PredictorSearch(problem, PredictorOptions(**{**QUICK, **options}))  # type: ignore[arg-type]


def values(seen: Sequence[Candidate]) -> list[float]:
    return [candidate.measures["worth"].value for candidate in seen]


def test_rounds_get_better_and_no_structure_is_trained_twice() -> None:
    seen = steps(begin(60, epochs=20))
    assert len({candidate.structure for candidate in seen}) == 60
    first, last = values(seen[:20]), values(seen[40:50])
    assert sum(last) / 10 > max(sum(first) / 20, sorted(first)[15])


def test_a_round_waits_for_the_results_of_the_one_before() -> None:
    found = begin(60, per_round=6)
    asked = found.ask(20)
    assert len(asked) == 6
    assert found.ask(1) == []
    found.tell([one.evaluated(found.objective.measure(one)) for one in asked[:5]])
    assert found.ask(1) == []
    found.tell([asked[5].evaluated("failed on purpose")])
    assert len(found.ask(20)) == 6


def test_a_warm_up_chooses_the_first_round() -> None:
    guide = Guide(true_worth, warm_up=200)
    chosen = values(steps(begin(20, guide, warm_up_epochs=20)))
    by_chance = values(steps(begin(20)))
    assert sum(chosen[:10]) / 10 > sum(by_chance) / 20 + 3
    found = begin(20, guide)
    steps(found)
    assert 190 < found.progress().ranked <= 200


def test_magnitudes_and_missing_scores_of_a_warm_up_do_not_matter() -> None:
    def scaled(structures: Sequence[Structure]) -> list[float]:
        return [LAST if one < 30 else 10.0 ** (2 * one) for one in true_worth(structures)]

    def plain(structures: Sequence[Structure]) -> list[float]:
        return [LAST if one < 30 else one for one in true_worth(structures)]

    first, second = (steps(begin(20, Guide(rank, warm_up=60))) for rank in (scaled, plain))
    assert [one.structure for one in first] == [one.structure for one in second]


def test_a_warm_up_of_the_size_of_the_space_ranks_all_of_it() -> None:
    found = begin(10, Guide(true_worth, warm_up=15_625), model="process", greedy=1.0)
    seen = steps(found)
    assert found.progress().ranked == 15_625
    assert values(seen)[0] == max(values(seen)) == max(true_worth([one.structure for one in seen]))


def test_a_process_learns_what_the_score_does_not_know() -> None:
    """The score is the worth but for one operation, which it likes and which is bad."""

    def misled(structures: Sequence[Structure]) -> list[float]:
        return [worth(cell_of(one)) + 50.0 * cell_of(one).edges.count(4) for one in structures]

    seen = steps(begin(40, Guide(misled, warm_up=400), model="process", per_round=5, greedy=1.0))
    assert max(values(seen[20:])) > max(values(seen[:5]))


@pytest.mark.parametrize("options", [{}, {"model": "process"}])
@pytest.mark.parametrize("after", [7, 25])
def test_a_search_that_is_continued_in_a_round_ends_the_same(options: dict[str, object], after: int) -> None:
    guide = Guide(true_worth, warm_up=40)
    whole = steps(begin(50, guide, **options))
    first = begin(50, guide, **options)
    for candidate in whole[:after]:
        (asked,) = first.ask(1)
        assert asked.structure == candidate.structure
        first.tell([candidate])
    second = begin(50, Guide(_never, warm_up=40), seed=7, **options)
    second.restore(json.loads(json.dumps(first.state())), first.take_changes())
    assert second.state() == first.state()
    assert [one.structure for one in steps(second)] == [one.structure for one in whole[after:]]


def _never(structures: Sequence[Structure]) -> list[float]:
    raise AssertionError("a structure is ranked twice")


def test_seeds_differ() -> None:
    a, b, c = (steps(begin(45, seed=seed)) for seed in (1, 1, 2))
    assert [one.structure for one in a] == [one.structure for one in b]
    assert [one.structure for one in a] != [one.structure for one in c]


def test_open_spaces_are_searched_within_the_budget() -> None:
    problem = Problem(load_space("XXBL"), MODEL, BUDGET, (), Params(), 150, 0)
    found = PredictorSearch(problem, PredictorOptions(**{**QUICK, "epochs": 2, "pool": 50}))  # type: ignore[arg-type]
    seen = []
    while not found.done:
        for one in found.ask(4):
            seen.append(one.evaluated(Params().measure(one)))
            found.tell(seen[-1:])
    assert all(BUDGET.violation(one.cost) is None for one in seen)
    assert max(one.cost.params for one in seen[60:]) > max(one.cost.params for one in seen[:20])


def test_a_small_space_that_is_exhausted_ends_by_its_iterations() -> None:
    """Everything within the budget is trained, and the rest of the proposals are duplicates or over the budget."""
    model = CostModel(32, 10)
    space = load_space("nasbench201")
    problem = Problem(space, model, Budget(params=75_000), (), Worth(), 600, 0)
    found = PredictorSearch(problem, PredictorOptions(**{**QUICK, "model": "process"}))  # type: ignore[arg-type]
    while not found.done:
        asked = found.ask(50)
        found.tell([one.evaluated(found.objective.measure(one)) for one in asked])
    assert found.progress().tried == 600
    assert math.isclose(found.progress().scored, len(found.kept))


def test_wrong_options_are_refused() -> None:
    for wrong in ({"per_round": 1}, {"targets": "votes"}, {"dropout": 1.0}, {"model": "tree"}):
        with pytest.raises(WrongSettingError):
            PredictorOptions(**wrong)  # type: ignore[arg-type]
