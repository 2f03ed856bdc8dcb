"""Successive halving: who goes on, for how many epochs, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from PlainNet.cost import CostModel
from SearchSpace import load_space
from zennas.budget.budgets import Budget
from zennas.common.errors import WrongSettingError
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.strategies.base import STRATEGIES, Problem, Search, options_of
from zennas.searching.strategies.successive_halving import HalvingOptions, Rung, rungs_of
from zennas.testing.strategies import Params


@dataclass
class Longer(Params):
    """An objective of trainings: the cost of a network, and what more epochs bring."""

    epochs: int = 9  # type: ignore[misc]  # of this one

    def measure(self, candidate: Candidate) -> dict[str, Measure]:
        return {"params": Measure(float(candidate.cost.flops + (candidate.epochs or self.epochs)))}


class Untrained:
    name, torch, relative, measures = "proxy", False, False, ("params",)


def begun(evaluations: int, **options: int) -> Search:
    strategy = STRATEGIES.get("successive_halving")
    problem = Problem(
        load_space("nasbench201"), CostModel(32, 10), Budget(), (), Longer(), 10_000, 0, evaluations, repeats=True
    )
    return strategy.make(problem, options_of(strategy, options))


def trained(search: Search, failing: frozenset[int] = frozenset()) -> list[Candidate]:
    """Run a search to its end and return every candidate with its measures, in order."""
    seen = []
    while not search.done:
        for one in search.ask(4):
            seen.append(one.evaluated("it failed" if one.id in failing else Longer().measure(one)))
            search.tell(seen[-1:])
    return seen


def test_the_rungs_of_a_bracket_are_those_of_hyperband() -> None:
    assert rungs_of(HalvingOptions(), 81) == (Rung(81, 1), Rung(27, 3), Rung(9, 9), Rung(3, 27), Rung(1, 81))
    assert rungs_of(HalvingOptions(eta=2, least_epochs=2), 10) == (Rung(4, 2), Rung(2, 5), Rung(1, 10))
    assert rungs_of(HalvingOptions(networks=12), 9) == (Rung(12, 1), Rung(4, 3), Rung(1, 9))


def test_the_best_third_of_a_rung_is_trained_three_times_as_long() -> None:
    seen = trained(begun(13))
    first, second, last = seen[:9], seen[9:12], seen[12:]
    assert [one.epochs for one in seen] == [1] * 9 + [3] * 3 + [9]
    best = sorted(first, key=lambda one: (-one.measures["params"].value, one.id))[:3]
    assert [one.parent for one in second] == [one.id for one in best]
    assert [one.structure for one in second] == [one.structure for one in best]
    top = max(second, key=lambda one: one.measures["params"].value)
    assert (last[0].parent, last[0].structure) == (top.id, top.structure)


def test_only_the_networks_that_were_trained_to_the_end_are_kept() -> None:
    search = begun(26)
    seen = trained(search)
    assert [one.id for one in search.kept] == [one.id for one in seen if one.epochs == 9] == [13, 26]
    assert search.progress().rejected["trained longer"] == 2 * 4


def test_failed_trainings_do_not_go_on_and_a_rung_of_failures_ends_the_bracket() -> None:
    seen = trained(begun(24), failing=frozenset({1, 2, 3}))
    assert not {1, 2, 3} & {one.parent for one in seen}
    assert [one.epochs for one in seen[:13]] == [1] * 9 + [3] * 3 + [9]
    seen = trained(begun(20), failing=frozenset({10, 11, 12}))
    assert [one.epochs for one in seen[12:21]] == [1] * 9


def test_no_rung_begins_before_the_last_has_finished() -> None:
    search = begun(13)
    asked = search.ask(100)
    assert len(asked) == 9 and search.ask(100) == []
    search.tell([one.evaluated(Longer().measure(one)) for one in asked[:8]])
    assert search.ask(100) == []
    search.tell([asked[8].evaluated(Longer().measure(asked[8]))])
    assert len(search.ask(100)) == 3


def test_it_refuses_what_cannot_be_shortened() -> None:
    strategy = STRATEGIES.get("successive_halving")
    problem = Problem(load_space("nasbench201"), CostModel(32, 10), Budget(), (), Untrained(), 100, 0)  # type: ignore[arg-type]
    with pytest.raises(WrongSettingError, match="the objective proxy trains nothing: use --objective train"):
        strategy.make(problem, options_of(strategy, {}))
    with pytest.raises(WrongSettingError, match="a training of 2 epochs cannot be shortened 3 times"):
        rungs_of(HalvingOptions(), 2)
    with pytest.raises(WrongSettingError, match="least_epochs is 4, expected at most the 3 epochs"):
        rungs_of(HalvingOptions(least_epochs=4), 3)
