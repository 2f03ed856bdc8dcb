"""Evolution in steps of many children: what it keeps, its state, and when there is none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from PlainNet.cost import CostModel
from SearchSpace import load_space
from zennas.budget.budgets import Budget, BudgetError
from zennas.common.errors import SettingsError
from zennas.runs.candidate import Candidate
from zennas.runs.store import Store
from zennas.searching.generations import Generations
from zennas.searching.judging import Judge
from zennas.searching.objectives.base import objective_of
from zennas.searching.result import read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import Problem, Search
from zennas.searching.strategies.evolution import Evolution, EvolutionOptions, make
from ZeroShotProxy.proxies.zen_expected import ExpectedZen

from .test_runs import SETTINGS, rows

BUDGET = Budget(params=60_000, layers=8)
MODEL = CostModel(32, 10)


def problem(
    iterations: int = 3000, seed: int = 0, budget: Budget = BUDGET, space: str = "XXBL", proxy: str = "zen"
) -> Problem:
    settings = SearchSettings(proxy=proxy)
    return Problem(load_space(space), MODEL, budget, (), objective_of(settings), iterations, seed)


def begin(iterations: int = 3000, seed: int = 0, population: int = 40, children: int = 100) -> Generations:
    found = make(problem(iterations, seed), EvolutionOptions(population, children))
    assert isinstance(found, Generations)
    return found


def step(search: Search) -> None:
    objective = problem().objective
    search.tell([candidate.evaluated(objective.measure(candidate)) for candidate in search.ask(1)])


def end(search: Search) -> Search:
    while not search.done:
        step(search)
    return search


def outcome(search: Search) -> object:
    return [(c.id, c.structure, c.measures, c.parent) for c in search.kept], search.progress()


def value(candidate: Candidate) -> float:
    return candidate.measures["zen_expected"].value


def test_the_best_children_are_kept_and_everything_is_counted() -> None:
    search, score, members = end(begin()), ExpectedZen(32), dict[int, Candidate]()
    for candidate in search.take_changes():
        members[candidate.id] = candidate
    kept = search.kept
    assert len(kept) == len({candidate.structure for candidate in kept}) == 40
    for candidate in kept:
        assert BUDGET.violation(candidate.cost) is None
        assert candidate.cost == MODEL(candidate.structure)
        assert value(candidate) == score(candidate.structure)
        assert 1 <= candidate.iteration <= 3000
    assert [value(c) for c in kept] == sorted(map(value, kept), reverse=True)
    dropped = [c for c in members.values() if c.status == "dropped"]
    assert max(map(value, dropped)) <= min(map(value, kept))
    assert {c.parent for c in members.values()} - {None} <= members.keys()
    assert {c.id for c in members.values() if c.status == "member"} == {c.id for c in kept}
    progress = search.progress()
    assert progress.tried == 3000
    others = sum(number for reason, number in progress.rejected.items() if reason != "score")
    assert progress.scored + others == progress.tried + 1  # the first one is not a proposal
    assert len(members) + progress.rejected["score"] == progress.scored


def test_the_seed_decides() -> None:
    assert outcome(end(begin())) == outcome(end(begin()))
    assert outcome(end(begin(seed=1))) != outcome(end(begin()))


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 20, 1000])
def test_any_state_can_be_restored(steps: int) -> None:
    whole, first = outcome(end(begin())), begin()
    known: dict[int, Candidate] = {}
    while not first.done and steps:
        step(first)
        known |= {candidate.id: candidate for candidate in first.take_changes()}
        steps -= 1
    second = begin(seed=0)
    second.restore(json.loads(json.dumps(first.state())), known.values())
    assert outcome(end(second)) == whole
    known |= {candidate.id: candidate for candidate in second.take_changes()}
    assert {c.id for c in known.values() if c.status == "member"} == {c.id for c in second.kept}


def test_more_iterations_continue_a_step_that_was_cut_short() -> None:
    first = end(begin(iterations=777))
    second = begin(iterations=3000)
    second.restore(json.loads(json.dumps(first.state())), first.take_changes())
    assert second.progress().tried < 777
    assert outcome(end(second)) == outcome(end(begin()))


@pytest.mark.parametrize("iterations", [100, 700])
def test_an_extended_run_ends_like_one_that_had_the_iterations_from_the_beginning(
    tmp_path: Path, iterations: int
) -> None:
    settings = replace(SETTINGS, proxy="zen_expected")
    start(tmp_path / "whole", settings)
    start(tmp_path / "parts", replace(settings, iterations=iterations))
    resume(tmp_path / "parts", iterations=settings.iterations)
    a, b = read_result(tmp_path / "whole"), read_result(tmp_path / "parts")
    assert (a.best, a.counts["rejected"]) == (b.best, b.counts["rejected"])
    members = [[row for row in rows(tmp_path / part) if row[8] == "member"] for part in ("whole", "parts")]
    assert members[0] == members[1]


def test_without_an_array_form_candidates_are_made_one_at_a_time() -> None:
    options = EvolutionOptions()
    assert isinstance(make(problem(), replace(options, children=1)), Evolution)
    for other in (problem(space="units"), problem(space="nasbench201", proxy="zen"), problem(proxy="random")):
        assert isinstance(make(other, options), Evolution)
    assert Judge.of(problem(space="units")) == "search space units"
    assert Judge.of(problem(proxy="random")) == "objective random"
    odd = load_space("XXBL", load_space("XXBL").initial().parse("SuperConvK3BNRELU(3,12,1,1)SuperResK3K3(12,16,2,8,1)"))
    assert isinstance(make(replace(problem(), space=odd), options), Evolution)


def test_a_budget_that_nothing_meets() -> None:
    search = make(problem(budget=Budget(params=10)), EvolutionOptions())
    with pytest.raises(BudgetError, match="nothing in search space XXBL has params"):
        search.ask(1)


def test_lower_can_be_better(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = problem(proxy="params")
    monkeypatch.setattr(chosen.objective, "sign", -1)
    search = make(chosen, EvolutionOptions(20, 64))
    while not search.done:
        search.tell([c.evaluated(chosen.objective.measure(c)) for c in search.ask(1)])
    params = [candidate.cost.params for candidate in search.kept]
    assert params == sorted(params)
    assert params[0] < MODEL(load_space("XXBL").initial()).params


def test_a_run_from_before_there_were_steps_goes_on_one_at_a_time(tmp_path: Path) -> None:
    old = replace(SETTINGS, proxy="zen_expected", iterations=200)
    single = replace(old, strategy_options={"population_size": 30, "children": 1})
    start(tmp_path / "whole", replace(single, iterations=400))
    start(tmp_path / "run", single)
    with Store.open(tmp_path / "run") as store:
        settings = store.get("settings")
        del settings["strategy_options"]["children"]
        store.put({"settings": settings})
    with pytest.raises(SettingsError, match="was started with iterations 200, not 201: choose"):
        resume(tmp_path / "run", expected=replace(old, iterations=201))
    resume(tmp_path / "run", expected=old)
    resume(tmp_path / "run", iterations=400)
    assert read_result(tmp_path / "run").best == read_result(tmp_path / "whole").best
