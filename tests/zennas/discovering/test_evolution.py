"""Generations of programs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from zennas.discovering import evolution
from zennas.discovering.errors import DiscoveryError
from zennas.discovering.evolution import Generation, Member, next_generation
from zennas.discovering.fitness import EQUAL, Fitness, Task, fitness
from zennas.discovering.grammar import Grammar, drawing
from zennas.discovering.tasks import drawn_networks, part_of
from ZeroShotProxy.programs.tree import Tree, parse, size

from .tasks import SMALL, STATISTICS
from .tasks import tasks as small_tasks


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> list[Task]:
    return small_tasks(tmp_path_factory.mktemp("statistics"))[0]


class Judged:
    """A race in which nothing fails before the finish, where a function judges."""

    def __init__(self, judge: Callable[[Sequence[Tree]], list[Fitness]]) -> None:
        self.finish = judge

    def begin(self, trees: Sequence[Tree]) -> None:
        pass

    def fine(self, tree: Tree) -> bool:
        return True


@pytest.fixture
def grammar() -> Grammar:
    return Grammar(SMALL, STATISTICS)


def test_generations_follow_from_the_seed_and_the_one_before(tasks: list[Task], grammar: Grammar) -> None:
    random.seed(1)
    state = random.getstate()
    first = next_generation(None, tasks, grammar)
    second = next_generation(first, tasks, grammar)
    assert random.getstate() == state
    random.seed(2)
    assert next_generation(None, tasks, Grammar(SMALL, STATISTICS)) == first
    assert next_generation(first, tasks, Grammar(SMALL, STATISTICS)) == second
    assert next_generation(None, tasks, Grammar(replace(SMALL, seed=6), STATISTICS)).members != first.members
    assert (first.number, second.number) == (1, 2)
    assert first.draws != second.draws
    for generation in (first, second):
        assert len(generation.members) + generation.lacking == 8
        assert generation.evaluated == len(generation.members) + generation.constant + generation.failing
        seen = [part_of(task, positions) for task, positions in zip(tasks, generation.draws, strict=True)]
        assert [len(task.networks) for task in seen] == [4, 4]
        found = fitness([member.tree for member in generation.members], seen)
        assert [Fitness(member.taus) for member in generation.members] == found
        assert all(grammar.allowed(member.tree) for member in generation.members)


def test_a_single_valid_program_has_offspring_by_nsga2(tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evolution, "Race", lambda *_: Judged(lambda trees: [Fitness((0.5,)) for _ in trees]))
    chosen = Grammar(replace(SMALL, select="nsga2", offspring=40), STATISTICS)
    first = next_generation(None, tasks, chosen)
    alone = replace(first, members=first.members[:1], lacking=len(first.members) - 1)
    second = next_generation(alone, tasks, chosen, costs=Counter())
    assert {member.origin for member in second.members} == {"crossover", "mutation", "copy", "random"}


def test_half_of_the_offspring_are_varied(tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evolution, "Race", lambda *_: Judged(lambda trees: [Fitness((0.5,)) for _ in trees]))
    many = Grammar(replace(SMALL, population=50, mu=25, offspring=400), STATISTICS)
    first = next_generation(None, tasks, many)
    assert [member.origin for member in first.members] == ["random"] * 50
    second = next_generation(first, tasks, many)
    found = Counter(member.origin for member in second.members)
    assert found["random"] == 200
    assert [member.origin for member in second.members[200:]] == ["random"] * 200
    assert abs(found["crossover"] - 80) < 25
    assert abs(found["mutation"] - 80) < 25
    assert found["copy"] == 200 - found["crossover"] - found["mutation"] > 20
    parents = {member.tree for member in first.members}
    assert all(member.tree in parents for member in second.members if member.origin == "copy")


GOOD, BAD, LONG = parse("square(exp(weight))"), parse("exp(square(weight))"), parse("square(exp(exp(weight)))")


def copies(
    members: list[tuple[Tree, float]], tasks: list[Task], monkeypatch: pytest.MonkeyPatch, **chosen: object
) -> Counter[str]:
    """How often programs are copied."""
    monkeypatch.setattr(evolution, "Race", lambda *_: Judged(lambda trees: [Fitness((0.5,)) for _ in trees]))
    only = replace(SMALL, crossover=0.0, mutation=0.0, mu=200, offspring=400, **chosen)  # type: ignore[arg-type]
    before = Generation(1, (), tuple(Member(tree, "random", (tau, 0.9)) for tree, tau in members), 2, 0, 0, 0)
    found = next_generation(before, tasks, Grammar(only, STATISTICS))
    return Counter(str(member.tree) for member in found.members if member.origin == "copy")


def test_tournaments_prefer_the_fitter(tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    found = copies([(GOOD, 0.5), (BAD, 0.4)], tasks, monkeypatch)
    assert found[str(BAD)] < 40  # 1 / 2⁴ of 200
    assert found[str(GOOD)] + found[str(BAD)] == 200


def test_parsimony(tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    equal, better = [(LONG, 0.5), (GOOD, 0.5)], [(LONG, 0.5), (GOOD, 0.45)]
    assert copies(equal, tasks, monkeypatch)[str(GOOD)] < 150
    assert copies(equal, tasks, monkeypatch, parsimony=0.0)[str(GOOD)] > 150
    assert copies(better, tasks, monkeypatch, parsimony=0.0)[str(LONG)] > 150
    assert copies(better, tasks, monkeypatch, parsimony=0.1)[str(GOOD)] > 150
    assert size(LONG) == size(GOOD) + 1


def test_programs_that_are_not_valid_are_replaced_and_counted(
    tasks: list[Task], grammar: Grammar, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def half_valid(trees: Sequence[Tree]) -> list[Fitness]:
        asked.append(len(trees))
        kinds = [Fitness((0.1,)), Fitness((), f"task a: {EQUAL}"), Fitness((), "unit 1 of 2: inf"), Fitness((0.2,))]
        return [kinds[i % 4] for i in range(len(trees))]

    monkeypatch.setattr(evolution, "Race", lambda *_: Judged(half_valid))
    found = next_generation(None, tasks, grammar)
    assert asked == [8, 4, 2, 1]
    assert (found.evaluated, found.constant, found.failing, found.lacking) == (15, 4, 3, 0)
    assert Counter(member.origin for member in found.members) == {"random": 4, "replacement": 4}
    few = next_generation(None, tasks, Grammar(replace(SMALL, tries=1), STATISTICS))
    assert (few.evaluated, few.lacking, len(few.members)) == (12, 2, 6)
    monkeypatch.setattr(evolution, "Race", lambda *_: Judged(lambda trees: [Fitness((), f"x: {EQUAL}") for _ in trees]))
    with pytest.raises(
        DiscoveryError, match="none of 24 programs of generation 1 is valid: 24 give equal scores, and 0"
    ):
        next_generation(None, tasks, Grammar(replace(SMALL, tries=2), STATISTICS))


@pytest.mark.parametrize("tries", [0, 3, 50])
def test_tries_that_begin_together_are_those_one_after_the_other(tasks: list[Task], tries: int) -> None:
    chosen = Grammar(replace(SMALL, tries=tries), STATISTICS)
    found = next_generation(None, tasks, chosen)
    seen = [part_of(task, positions) for task, positions in zip(tasks, found.draws, strict=True)]
    with drawing(SMALL.seed, 1):
        drafts = [chosen.random() for _ in range(SMALL.population)]
    taus, evaluated = [], 0
    for place, tree in enumerate(drafts):
        for attempt in range(tries + 1):
            if attempt:
                with drawing(SMALL.seed, 1, attempt, place):
                    tree = chosen.random()
            evaluated += 1
            (one,) = fitness([tree], seen)
            if one.reason is None:
                taus.append((tree, one.taus))
                break
    assert [(member.tree, member.taus) for member in found.members] == taus
    assert found.evaluated == evaluated


def test_draws_of_networks(tasks: list[Task]) -> None:
    found = {drawn_networks(tasks[0], SMALL, generation) for generation in range(30)}
    assert len(found) > 20
    assert all(len(set(draw)) == 4 for draw in found)
    assert drawn_networks(tasks[0], SMALL, 1) != drawn_networks(tasks[1], SMALL, 1)
    assert sorted(drawn_networks(tasks[0], replace(SMALL, subset=100), 1)) == list(range(7))
    rare = Task("rare", tasks[0].networks, (1, 1, 1, 1, 1, 1, 2))
    assert all(6 in drawn_networks(rare, replace(SMALL, subset=2), generation) for generation in range(30))
