"""Contracts of strategies: runs follow from the seed, any state can be restored, and the budget and counts hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random

from PlainNet import Structure
from PlainNet.cost import CostModel
from SearchSpace import load_space
from zennas.budget.budgets import Budget
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.guides.guide import LAST, Guide
from zennas.searching.strategies.base import Learning, Problem, Search, Strategy, options_of
from zennas.testing.expecting import expect, expect_equal

BUDGET = Budget(params=3_000_000, layers=40)
MODEL = CostModel(32, 10)


class Params:
    """An objective: the number of parameters of each candidate, independent of the others.

    It has epochs, as if it trained networks, for strategies that choose how long.
    """

    name, torch, epochs = "params", False, 9
    measures: tuple[str, ...] = ("params",)
    relative = False

    def measure(self, candidate: Candidate) -> dict[str, Measure]:
        return {"params": Measure(float(candidate.cost.params))}

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        return [candidate.measures["params"].value for candidate in candidates]


class Ranks(Params):
    """An objective: the rank by the number of parameters among the compared candidates."""

    relative = True

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        scores = super().values(candidates)
        return [float(sum(other < score for other in scores)) for score in scores]


def begin(
    strategy: Strategy, objective: Params, seed: int = 0, iterations: int = 120, evaluations: int | None = None
) -> Search:
    """Return a search for many parameters in the space XXBL, with the strategy's default or small options."""
    problem = Problem(load_space("XXBL"), MODEL, BUDGET, (), objective, iterations, seed, evaluations)
    return strategy.make(problem, options_of(strategy, strategy.small))


def begin_guided(strategy: Strategy, seed: int = 0) -> Search:
    """Return a search in NAS-Bench-201 that has a warm-up and moves if the strategy has, and ends by evaluations.

    Structures that are met again are evaluated again. Every seventh structure has no score to rank by.
    """

    def rank(structures: Sequence[Structure]) -> list[float]:
        costs = [MODEL(one).flops for one in structures]
        return [LAST if cost % 7 == 0 else float(cost) for cost in costs]

    guide = Guide(rank, 150 if strategy.draws else 0, 8 if strategy.moves else 0)
    space, objective = load_space("nasbench201"), Params()
    problem = Problem(space, MODEL, Budget(), (), objective, 5_000, seed, 90, repeats=True, guide=guide)
    return strategy.make(problem, options_of(strategy, strategy.small))


def answer(search: Search, candidates: Sequence[Candidate]) -> None:
    """Return the candidates to the search with their scores; every seventh one fails."""
    search.tell([c.evaluated("failed on purpose" if c.id % 7 == 0 else Params().measure(c)) for c in candidates])


def end(search: Search, ahead: int = 1) -> Search:
    """Run a search to its end as the runner does, with up to `ahead` pending candidates."""
    waiting = list(search.pending)
    while waiting or not search.done:
        while len(waiting) < ahead and not search.done and (asked := search.ask(1)):
            waiting += asked
        if waiting:
            answer(search, [waiting.pop(0)])
    return search


def outcome(search: Search) -> object:
    """Return everything that must be equal if two searches are equal."""
    learned = json.dumps(search.learned(), allow_nan=False) if isinstance(search, Learning) else None
    return [(c.id, c.structure) for c in search.kept], search.progress(), search.state(), learned


def the_seed_decides(strategy: Strategy) -> str | None:
    """Equal seeds give equal runs, and different seeds different ones."""
    for objective in (Params(), Ranks()):
        first, second = (outcome(end(begin(strategy, objective))) for _ in range(2))
        expect_equal(first, second, f"two runs of {strategy.name} with one seed")
    other = outcome(end(begin(strategy, Params(), seed=1)))
    expect(other != outcome(end(begin(strategy, Params()))), f"the seed changes nothing in a run of {strategy.name}")
    return None


def any_state_can_be_restored(strategy: Strategy) -> str | None:
    """A search saved and restored at any point, even with pending candidates, ends like an uninterrupted one."""
    for objective in (Params(), Ranks()):
        for ahead in (1, 5):
            whole = outcome(end(begin(strategy, objective), ahead))
            for steps in (0, 1, 2, 9, 40):
                fresh = begin(strategy, objective), begin(strategy, objective, seed=99)
                second = _restored(*fresh, strategy.name, ahead, steps)
                expect_equal(outcome(end(second, ahead)), whole, f"{strategy.name}, restored after {steps} candidates")
    return None


def evaluations_end_the_search(strategy: Strategy) -> str | None:
    """A search ends when so many candidates as may be evaluated have a score, however many are asked for at once."""
    for ahead in (1, 5):
        search = end(begin(strategy, Params(), iterations=5_000, evaluations=90), ahead)
        expect_equal(search.progress().scored, 90, f"the evaluations of {strategy.name}, {ahead} ahead")
    return None


def a_guided_search_can_be_restored(strategy: Strategy) -> str | None:
    """A search with a warm-up and moves, saved and restored at any point, ends like an uninterrupted one."""
    if not (strategy.draws or strategy.moves):
        return f"{strategy.name} has no warm-up and no moves"
    for ahead in (1, 5):
        whole = outcome(end(begin_guided(strategy), ahead))
        for steps in (0, 1, 20, 70):
            second = _restored(begin_guided(strategy), begin_guided(strategy, seed=99), strategy.name, ahead, steps)
            expect_equal(outcome(end(second, ahead)), whole, f"{strategy.name}, guided, restored after {steps}")
    return None


def _restored(first: Search, second: Search, name: str, ahead: int, steps: int) -> Search:
    """Return the second search in the state that the first has after some candidates."""
    waiting: list[Candidate] = []
    changes: dict[int, Candidate] = {}
    for _ in range(steps):
        while len(waiting) < ahead and not first.done and (asked := first.ask(1)):
            waiting += asked
        expect(bool(waiting), f"{name} is done after fewer than {steps} candidates")
        answer(first, [waiting.pop(0)])
        changes |= {c.id: c for c in first.take_changes()}
    expect_equal(list(first.pending), waiting, "the pending candidates")
    second.restore(json.loads(json.dumps(first.state())), changes.values())
    expect_equal(second.state(), first.state(), "the restored state")
    expect_equal(second.progress(), first.progress(), "the restored progress")
    expect_equal(list(second.pending), waiting, "the restored pending candidates")
    return second


def more_iterations_continue(strategy: Strategy) -> str | None:
    """If it is extensible, a search that was done and gets more iterations ends like one that had them at once."""
    if not strategy.extensible:
        return f"{strategy.name} cannot be extended"
    first = end(begin(strategy, Params(), iterations=60))
    second = begin(strategy, Params(), seed=99, iterations=120)
    second.restore(json.loads(json.dumps(first.state())), {c.id: c for c in first.take_changes()}.values())
    whole = outcome(end(begin(strategy, Params(), iterations=120)))
    expect_equal(outcome(end(second)), whole, f"{strategy.name}, extended from 60 to 120 iterations")
    return None


def the_budget_holds_and_everything_is_counted(strategy: Strategy) -> str | None:
    """No candidate is over the budget; tried, scored, failed and kept add up."""
    search = begin(strategy, Params(), iterations=300)
    seen: list[Candidate] = []
    while not search.done:
        asked = search.ask(3)
        expect(len(asked) <= 3, f"ask(3) gave {len(asked)} candidates")
        seen += asked
        answer(search, asked)
    for candidate in seen:
        expect_equal(MODEL(candidate.structure), candidate.cost, "the cost of a candidate")
        expect(BUDGET.violation(candidate.cost) is None, f"{candidate.structure} is over the budget")
    expect_equal([c.id for c in seen], list(range(1, len(seen) + 1)), "the numbers of the candidates")
    progress = search.progress()
    expect_equal(progress.tried, 300, "how many were tried")
    expect_equal(progress.scored + progress.rejected.get("failed", 0), len(seen), "scored and failed candidates")
    expect_equal(progress.kept, len(search.kept), "how many are kept")
    expect({c.id for c in search.kept} <= {c.id for c in seen}, "a candidate is kept that was never proposed")
    expect(not search.pending, "candidates are pending although their results were returned")
    return None


def any_number_can_be_asked_for(strategy: Strategy) -> str | None:
    """`ask(n)` gives at most n different candidates, even if it is called again before their results are returned."""
    for n in (1, 2, 17, 1000):
        search, rng = begin(strategy, Params(), iterations=200), Random(n)
        while not search.done:
            asked = search.ask(n)
            expect(len({c.structure for c in asked}) == len(asked) <= n, f"ask({n}) gave {len(asked)} candidates")
            if asked and rng.random() < 0.5:
                search.ask(n)
            answer(search, search.pending)
        expect_equal(search.progress().tried, 200, "how many were tried")
    return None


def changes_are_given_once(strategy: Strategy) -> str | None:
    """`take_changes` gives each candidate that was kept, dropped or failed, with its status, measures or error."""
    search = begin(strategy, Params())
    changes: list[Candidate] = []
    while not search.done:
        answer(search, search.ask(1))
        changes += search.take_changes()
    expect_equal(search.take_changes(), [], "changes that were taken already")
    last = {c.id: c for c in changes}
    kept = {c.id for c in last.values() if c.status == "member"}
    expect_equal(kept, {c.id for c in search.kept}, "the candidates whose last change is that they were kept")
    for c in changes:
        expect(c.status in ("member", "dropped", "failed"), f"the status of a change is {c.status}")
        expect(bool(c.error) if c.status == "failed" else bool(c.measures), f"a {c.status} candidate without a reason")
    return None


CONTRACTS: tuple[Callable[[Strategy], str | None], ...] = (
    the_seed_decides,
    any_state_can_be_restored,
    more_iterations_continue,
    the_budget_holds_and_everything_is_counted,
    any_number_can_be_asked_for,
    changes_are_given_once,
    evaluations_end_the_search,
    a_guided_search_can_be_restored,
)
