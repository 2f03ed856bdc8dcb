"""Aging evolution: who is the parent, who leaves, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence

from PlainNet import Structure
from SearchSpace import load_space
from SearchSpace.nasbench201 import cell_of
from tests.zennas.searching.cell_searches import MODEL, Worth
from tests.zennas.table_files import worth
from zennas.budget.budgets import Budget
from zennas.runs.candidate import Candidate
from zennas.searching.guides.guide import Guide
from zennas.searching.objectives.base import best_first
from zennas.searching.strategies.aging import Aging, AgingOptions
from zennas.searching.strategies.base import Problem


def search(options: AgingOptions, evaluations: int, guide: Guide | None = None, seed: int = 0) -> Aging:
    space = load_space("nasbench201")
    problem = Problem(space, MODEL, Budget(), (), Worth(), 100_000, seed, evaluations, repeats=True, guide=guide)
    return Aging(problem, options)


def steps(found: Aging) -> list[Candidate]:
    """Run a search to its end, and return its candidates with their measures."""
    seen = []
    while not found.done:
        (candidate,) = found.ask(1)
        seen.append(candidate.evaluated(found.objective.measure(candidate)))
        found.tell(seen[-1:])
    return seen


def differences(a: Structure, b: Structure) -> int:
    return sum(x != y for x, y in zip(cell_of(a).edges, cell_of(b).edges, strict=True))


def test_the_pool_is_the_youngest_and_the_best_so_far_is_kept() -> None:
    found = search(AgingOptions(pool=8, tournament=3), 60)
    seen: list[Candidate] = []
    while not found.done:
        (candidate,) = found.ask(1)
        seen.append(candidate.evaluated(found.objective.measure(candidate)))
        found.tell(seen[-1:])
        best = best_first(found.objective, seen)[0].id
        assert {one.id for one in found.kept} == {*(one.id for one in seen[-8:]), best}
    assert best_first(found.objective, found.kept)[0].id == best


def test_parents_are_members_of_the_pool_and_children_differ_by_one_decision() -> None:
    seen = steps(search(AgingOptions(pool=8, tournament=3), 80))
    assert all(one.parent is None for one in seen[:8])
    by_id = {one.id: one for one in seen}
    for one in seen[8:]:
        assert one.parent is not None
        assert one.id - 8 <= one.parent < one.id
        assert differences(one.structure, by_id[one.parent].structure) == 1


def test_the_best_of_a_tournament_of_the_whole_pool_is_the_parent() -> None:
    seen = steps(search(AgingOptions(pool=8, tournament=8), 60))
    for i, one in enumerate(seen[8:], start=8):
        pool = seen[i - 8 : i]
        parent = next(member for member in pool if member.id == one.parent)
        assert worth(cell_of(parent.structure)) == max(worth(cell_of(member.structure)) for member in pool)


def test_moves_go_to_the_best_neighbour_but_for_a_share_at_random() -> None:
    def rank(structures: Sequence[Structure]) -> list[float]:
        return [worth(cell_of(one)) for one in structures]

    for share in (0.0, 1.0):
        seen = steps(search(AgingOptions(pool=4, tournament=2), 40, Guide(rank, moves=24, at_random=share)))
        by_id = {one.id: one for one in seen}
        best = 0
        for one in seen[4:]:
            assert one.parent is not None
            space = load_space("nasbench201")
            others = [worth(cell_of(other)) for other in space.neighbours(by_id[one.parent].structure)]  # type: ignore[attr-defined]
            best += worth(cell_of(one.structure)) == max(others)
        assert best == 36 if share == 0 else best < 18


def test_a_pool_begins_with_repeated_draws_of_the_warm_up() -> None:
    def rank(structures: Sequence[Structure]) -> list[float]:
        return [float(cell_of(one).edges == (3, 3, 3, 3, 3, 3)) for one in structures]

    guide = Guide(rank, warm_up=40_000)
    seen = steps(search(AgingOptions(pool=4, tournament=2), 4, guide))
    assert sum(cell_of(one.structure).edges == (3, 3, 3, 3, 3, 3) for one in seen) > 1


def test_by_ranks_the_pool_alone_is_kept() -> None:
    class Ranks(Worth):
        relative = True

    space = load_space("nasbench201")
    problem = Problem(space, MODEL, Budget(), (), Ranks(), 100_000, 0, 60, repeats=True)
    found = Aging(problem, AgingOptions(pool=8, tournament=3))
    seen = steps(found)
    assert [one.id for one in found.kept] == [one.id for one in seen[-8:]]
