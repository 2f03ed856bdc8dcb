"""Warm-ups and move proposals of the evolutionary strategies: what they begin with, and which child is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from PlainNet import Structure
from PlainNet.cost import CostModel
from SearchSpace import load_space
from SearchSpace.nasbench201 import Cell201, cell_of, network
from tests.zennas.searching.cell_searches import Worth, begin, by_worth, run
from tests.zennas.table_files import worth
from zennas.budget.budgets import Budget
from zennas.common.errors import WrongSettingError
from zennas.searching.generations import Generations
from zennas.searching.guides.guide import Guide
from zennas.searching.objectives.base import objective_of
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import STRATEGIES, Problem, options_of
from zennas.searching.strategies.evolution import Evolution

SMALL: dict[str, dict[str, Any]] = {
    "evolution": {"population_size": 12},
    "nsga2": {"population_size": 12, "crossover": 0.0},
    "aging": {"pool": 12, "tournament": 3},
    "front": {"members": 12, "over": "flops", "low": 1e3, "high": 1e9},
}


def differences(a: Any, b: Any) -> int:
    return sum(x != y for x, y in zip(cell_of(a).edges, cell_of(b).edges, strict=True))


@pytest.mark.parametrize("name", SMALL)
def test_the_beginning_is_the_best_of_the_warm_up(name: str) -> None:
    search = begin(name, 60, guide=Guide(by_worth, warm_up=500), repeats=False, **SMALL[name])
    seen = run(search)
    founders = [worth(cell_of(one.structure)) for one in seen[:12]]
    assert founders == sorted(founders, reverse=True)
    assert founders[-1] > 66
    assert all(one.parent is None for one in seen[:12])
    assert all(one.parent is not None for one in seen[13:])
    assert 400 < search.progress().ranked <= 500


@pytest.mark.parametrize("name", SMALL)
def test_a_child_is_the_best_of_the_neighbours(name: str) -> None:
    guide = Guide(by_worth, moves=24, at_random=0.0)
    search = begin(name, 60, guide=guide, **SMALL[name])
    seen = run(search)
    by_id = {one.id: one for one in seen}
    space = load_space("nasbench201")
    moves = 0
    for one in seen[20:]:
        assert one.parent is not None
        parent = by_id[one.parent].structure
        best = max(worth(cell_of(other)) for other in space.neighbours(parent))  # type: ignore[attr-defined]
        if differences(one.structure, parent) == 1:
            moves += worth(cell_of(one.structure)) == best
    assert moves == len(seen[20:])
    assert search.progress().ranked >= 24 * moves


@pytest.mark.parametrize(
    ("name", "options"), [("random", {}), ("predictor", {"width": 8, "layers": 2, "epochs": 1, "greedy": 0.0})]
)
def test_a_draw_is_the_best_of_several(name: str, options: dict[str, Any]) -> None:
    plain = begin(name, 40, repeats=False, **options)
    helped = begin(name, 40, guide=Guide(by_worth, moves=10), repeats=False, **options)
    first, second = ([worth(cell_of(one.structure)) for one in run(search)] for search in (plain, helped))
    tail = 20 if name == "predictor" else 0  # its first round is drawn without a ranking
    assert sum(second[tail:]) / len(second[tail:]) > sum(first[tail:]) / len(first[tail:]) + 5
    assert helped.progress().ranked > 150


@pytest.mark.parametrize("name", [*SMALL, "reinforce", "fp_nas"])
def test_moves_out_of_the_budget_are_not_scored(name: str) -> None:
    limit = CostModel(32, 10)(network(Cell201((0, 0, 3, 3, 3, 3)))).params
    scored: list[int] = []

    def rank(structures: Sequence[Structure]) -> list[float]:
        scored.extend(CostModel(32, 10)(one).params for one in structures)
        return by_worth(structures)

    budget = Budget(params=limit)
    search = begin(name, 40, guide=Guide(rank, moves=12), budget=budget, **SMALL.get(name, {}))
    run(search)
    assert search.progress().ranked == len(scored) > 100
    assert max(scored) <= limit


@pytest.mark.parametrize("name", SMALL)
def test_a_warm_up_needs_draws(name: str) -> None:
    strategy = STRATEGIES.get(name)
    problem = Problem(
        load_space("XXBL"), CostModel(32, 10), Budget(), (), Worth(), 100, 0, guide=Guide(by_worth, warm_up=9)
    )
    with pytest.raises(WrongSettingError, match="mutations of one structure here: leave out --warm-up"):
        strategy.make(problem, options_of(strategy, SMALL[name]))


def test_an_exhausted_warm_up_is_followed_by_children_or_draws() -> None:
    for name in SMALL:
        search = begin(name, 40, guide=Guide(by_worth, warm_up=5), **SMALL[name])
        assert len(run(search)) == 40


def test_without_a_guide_evolution_has_its_array_form() -> None:
    settings = SearchSettings(proxy="zen_expected", budget=Budget(params=10**6, layers=18))
    strategy = STRATEGIES.get("evolution")
    problem = Problem(load_space("XXBL"), CostModel(32, 10), settings.budget, (), objective_of(settings), 1000, 0)
    options = options_of(strategy, {})
    assert isinstance(strategy.make(problem, options), Generations)
    guided = replace(problem, guide=Guide(by_worth, moves=4))
    assert isinstance(strategy.make(guided, options), Evolution)
