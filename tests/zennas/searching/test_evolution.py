"""The evolution strategy: budgets, the population, and that its state is all there is to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

import pytest

from PlainNet import Structure, parse
from PlainNet.cost import CostModel
from SearchSpace import SearchSpace, load_space
from zennas.budget.budgets import Budget, BudgetError
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.strategies.base import Problem
from zennas.searching.strategies.evolution import Evolution, EvolutionOptions
from ZeroShotProxy.proxies.zen_expected import ExpectedZen

BUDGET = Budget(params=60_000, layers=8)
MODEL = CostModel(32, 10)
SCORE = ExpectedZen(32)


class Zen:
    """The expected Zen-score, as an objective."""

    name, measures, relative, torch = "zen_expected", ("zen_expected",), False, False

    def measure(self, candidate: Candidate) -> dict[str, Measure]:
        return {"zen_expected": Measure(SCORE(candidate.structure))}

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        return [candidate.measures["zen_expected"].value for candidate in candidates]


def evolution(space: SearchSpace, budget: Budget, iterations: int, population: int, seed: int = 0) -> Evolution:
    problem = Problem(space, MODEL, budget, (), Zen(), iterations, seed)
    return Evolution(problem, EvolutionOptions(population))


def make(seed: int = 0, iterations: int = 3000, population: int = 40, budget: Budget = BUDGET) -> Evolution:
    return evolution(load_space("XXBL"), budget, iterations, population, seed)


def scored(candidates: list[Candidate]) -> list[Candidate]:
    return [candidate.evaluated(Zen().measure(candidate)) for candidate in candidates]


def value(candidate: Candidate) -> float:
    return candidate.measures["zen_expected"].value


def run(search: Evolution, steps: int = 10**9) -> Evolution:
    while not search.done and steps:
        search.tell(scored(search.ask(1)))
        steps -= 1
    return search


def outcome(search: Evolution) -> list[tuple[int, str, float]]:
    return [(c.id, str(c.structure), value(c)) for c in search.kept]


def test_everything_stays_in_the_budget_and_improves() -> None:
    search = make()
    first = search.ask(1)[0]
    assert first.parent is None
    search.tell(scored([first]))
    early = run(search, 200)
    before = sorted(map(value, early.kept))
    run(search)
    after = sorted(map(value, search.kept))
    assert search.progress().tried == 3000
    assert len(search.kept) == 40
    assert all(BUDGET.violation(c.cost) is None and c.cost == MODEL(c.structure) for c in search.kept)
    assert after[0] > before[0]
    assert after[-1] > before[-1]
    accounted = search.progress().scored + sum(
        n for reason, n in search.progress().rejected.items() if reason != "score"
    )
    assert accounted == search.progress().tried + 1  # the first structure is no mutation


def test_no_structure_is_a_member_twice() -> None:
    search = make()
    told: list[Candidate] = []
    while not search.done:
        search.tell(scored(search.ask(1)))
        told += [c for c in search.take_changes() if c.status == "member"]
    assert len({c.structure for c in told}) == len(told)
    assert search.progress().rejected["duplicate"] > 0
    parents = {c.id for c in told}
    assert all(c.parent in parents for c in told if c.parent is not None)


def test_the_seed_decides() -> None:
    assert outcome(run(make(seed=1))) == outcome(run(make(seed=1)))
    assert outcome(run(make(seed=1))) != outcome(run(make(seed=2)))


@pytest.mark.parametrize("steps", [0, 1, 5, 60, 400])
def test_a_restored_search_goes_on_as_if_nothing_had_happened(steps: int) -> None:
    whole = run(make())
    first = run(make(), steps)
    members = {c.id: c for c in first.take_changes()}
    second = make(seed=99)
    second.restore(json.loads(json.dumps(first.state())), members.values())
    run(second)
    assert outcome(second) == outcome(whole)
    assert second.state() == whole.state()


def test_asking_for_several_gives_different_structures() -> None:
    search = run(make(), 50)
    asked = search.ask(20)
    assert len({c.structure for c in asked}) == len(asked) == 20
    assert len({c.seed for c in asked}) == 20


def test_failures_are_recorded_and_not_kept() -> None:
    search = make()
    failed = [candidate.evaluated("boom") for candidate in search.ask(1)]
    search.tell(failed)
    assert not search.kept
    assert search.progress().rejected["failed"] == 1
    assert [c.status for c in search.take_changes()] == ["failed"]


def test_a_start_over_budget_is_walked_down() -> None:
    big = parse("SuperConvK3BNRELU(3,512,1,1)SuperResK7K7(512,512,2,512,5)SuperConvK1BNRELU(512,512,1,1)")
    space = load_space("XXBL", big)
    assert BUDGET.violation(MODEL(big)) is not None
    search = evolution(space, BUDGET, 100_000, 8)
    first = search.ask(1)[0]
    assert BUDGET.violation(first.cost) is None
    assert search.progress().tried == search.progress().rejected["start"] > 0


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (Budget(params=100), r"params ≤ 100 \(the smallest found has 5,490\)"),
        (Budget(flops=10), r"flops ≤ 10 \(the smallest found has"),
        (Budget(layers=3), r"layers ≤ 3 \(the smallest found has 6\)"),
        (Budget(params=100, layers=3), r"params ≤ 100 .* or layers ≤ 3 "),
    ],
)
def test_an_impossible_budget_says_how_far_it_is(budget: Budget, message: str) -> None:
    with pytest.raises(BudgetError, match=message) as caught:
        make(budget=budget).ask(1)
    assert "mutations tried" in str(caught.value)


class Two:
    """A space of two structures: one with few parameters and many FLOPs, one the other way round."""

    name = "two"
    thrifty = parse("ConvKX(3,8,1,1)BN(8)RELU(8)")
    quick = parse("ConvKX(3,64,3,16)BN(64)RELU(64)")

    def initial(self) -> Structure:
        return self.thrifty

    def sample(self, rng: Random) -> Structure:
        return rng.choice([self.thrifty, self.quick])

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        return self.quick if structure == self.thrifty else self.thrifty

    def contains(self, structure: Structure) -> bool:
        return structure in (self.thrifty, self.quick)


def two(budget: Budget) -> Evolution:
    return evolution(Two(), budget, 10_000, 8)


def test_budgets_that_exclude_each_other() -> None:
    thrifty, quick = (CostModel(32, 10)(structure) for structure in (Two.thrifty, Two.quick))
    assert thrifty.params < quick.params
    assert quick.flops < thrifty.flops
    assert two(Budget(params=thrifty.params)).ask(1)[0].structure == Two.thrifty
    assert two(Budget(flops=quick.flops)).ask(1)[0].structure == Two.quick
    with pytest.raises(BudgetError, match=r"all of .*, though each limit alone can be met"):
        two(Budget(params=thrifty.params, flops=quick.flops)).ask(1)
    with pytest.raises(BudgetError, match=f"the smallest found has {thrifty.params:,}"):
        two(Budget(params=thrifty.params // 2)).ask(1)


def test_asking_comes_back_though_everything_is_refused() -> None:
    search = two(Budget(layers=100))
    search.tell(scored(search.ask(1)))
    search.tell(scored(search.ask(1)))
    assert {candidate.structure for candidate in search.kept} == {Two.thrifty, Two.quick}
    before = search.progress().tried
    assert search.ask(1) == []
    assert before < search.progress().tried < 10_000
    assert search.progress().rejected["duplicate"] == search.progress().tried - before


def test_a_small_population_evolves() -> None:
    """Also one that is no larger than the number of founders: children have other parents than the first."""
    search = run(make(population=4, iterations=400))
    parents = {candidate.parent for candidate in search.kept}
    assert parents - {None, 1}


def test_a_first_structure_with_few_mutations_is_left_behind() -> None:
    """In a small space, fewer mutations of the first structure than there are founders may fit the budget."""
    space = load_space("nasbench-macro")
    budget = Budget(flops=60_000_000)
    near = {space.mutate(space.initial(), Random(seed)) for seed in range(300)}
    assert sum(budget.violation(MODEL(structure)) is None for structure in near) < 10
    search = run(evolution(space, budget, 1000, 40))
    assert search.progress().scored > 100
