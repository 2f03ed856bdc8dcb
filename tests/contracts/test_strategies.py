"""Every registered search strategy keeps what the runner relies on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

import pytest

from PlainNet.cost import CostModel
from SearchSpace import load_space
from zennas.budget.budgets import Budget
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.strategies.base import STRATEGIES, Problem, Search, options_of

BUDGET = Budget(params=3_000_000, layers=40)
MODEL = CostModel(32, 10)


class Params:
    """The number of parameters, by itself."""

    name, measures, relative, torch = "params", ("params",), False, False

    def measure(self, candidate: Candidate) -> dict[str, Measure]:
        return {"params": Measure(float(candidate.cost.params))}

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        return [candidate.measures["params"].value for candidate in candidates]


class Ranks(Params):
    """The same by ranks among those compared."""

    relative = True

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        scores = super().values(candidates)
        return [float(sum(other < score for other in scores)) for score in scores]


@pytest.fixture(params=STRATEGIES.names())
def strategy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def begun(name: str, objective: Params = Params(), seed: int = 0, iterations: int = 120) -> Search:
    strategy = STRATEGIES.get(name)
    problem = Problem(load_space("XXBL"), MODEL, BUDGET, (), objective, iterations, seed)
    return strategy.make(problem, options_of(strategy, {}))


def told(search: Search, candidates: Sequence[Candidate]) -> None:
    """Every seventh candidate fails."""
    search.tell([c.evaluated("failed on purpose" if c.id % 7 == 0 else Params().measure(c)) for c in candidates])


def ended(search: Search, ahead: int = 1, out: Sequence[Candidate] = ()) -> Search:
    """Carry the search to its end as the runner does, with so many candidates out at once."""
    waiting = list(out)
    while waiting or not search.done:
        while len(waiting) < ahead and not search.done and (asked := search.ask(1)):
            waiting += asked
        if waiting:
            told(search, [waiting.pop(0)])
    return search


def outcome(search: Search) -> object:
    return [(c.id, c.structure) for c in search.kept], search.progress(), search.state()


@pytest.mark.parametrize("objective", [Params(), Ranks()])
def test_the_same_seed_gives_the_same_run(strategy: str, objective: Params) -> None:
    assert outcome(ended(begun(strategy, objective))) == outcome(ended(begun(strategy, objective)))


def test_another_seed_gives_another_run(strategy: str) -> None:
    assert outcome(ended(begun(strategy))) != outcome(ended(begun(strategy, seed=1)))


@pytest.mark.parametrize("ahead", [1, 5])
@pytest.mark.parametrize("objective", [Params(), Ranks()])
def test_a_search_restored_at_any_point_ends_the_same(strategy: str, objective: Params, ahead: int) -> None:
    whole = outcome(ended(begun(strategy, objective), ahead))
    for steps in (0, 1, 2, 9, 40):
        first, waiting, changes = begun(strategy, objective), list[Candidate](), {}
        for _ in range(steps):
            while len(waiting) < ahead and not first.done and (asked := first.ask(1)):
                waiting += asked
            assert waiting
            told(first, [waiting.pop(0)])
            changes |= {c.id: c for c in first.take_changes()}
        assert [c.id for c in first.pending] == [c.id for c in waiting]
        state = json.loads(json.dumps(first.state()))
        second = begun(strategy, objective, seed=99)
        second.restore(state, changes.values())
        assert second.state() == first.state()
        assert second.progress() == first.progress()
        assert list(second.pending) == waiting
        assert outcome(ended(second, ahead, second.pending)) == whole


def test_nothing_is_over_the_budget_and_everything_is_counted(strategy: str) -> None:
    search = begun(strategy, iterations=300)
    seen: list[Candidate] = []
    while not search.done:
        asked = search.ask(3)
        assert len(asked) <= 3
        seen += asked
        told(search, asked)
    assert all(BUDGET.violation(c.cost) is None and c.cost == MODEL(c.structure) for c in seen)
    assert [c.id for c in seen] == list(range(1, len(seen) + 1))
    progress = search.progress()
    assert progress.tried == 300
    assert progress.scored + progress.rejected["failed"] == len(seen)
    assert progress.kept == len(search.kept)
    assert {c.id for c in search.kept} <= {c.id for c in seen}
    assert not search.pending


@pytest.mark.parametrize("n", [1, 2, 17, 1000])
def test_any_number_can_be_asked_for(strategy: str, n: int) -> None:
    search, rng = begun(strategy, iterations=200), Random(n)
    while not search.done:
        asked = search.ask(n)
        assert len({c.structure for c in asked}) == len(asked) <= n
        if asked and rng.random() < 0.5:
            search.ask(n)  # more before those are told
        told(search, search.pending)
    assert search.progress().tried == 200


def test_changes_are_told_once_with_their_status(strategy: str) -> None:
    search = begun(strategy)
    changes: list[Candidate] = []
    while not search.done:
        told(search, search.ask(1))
        changes += search.take_changes()
    assert search.take_changes() == []
    last = {c.id: c for c in changes}
    assert {c.id for c in last.values() if c.status == "member"} == {c.id for c in search.kept}
    assert all(c.status in ("member", "dropped", "failed") for c in changes)
    assert all(c.error for c in changes if c.status == "failed")
    assert all(c.measures for c in changes if c.status != "failed")
