"""Any strategy, space and objective go together, and a search that is killed and restored ends like one that is not.

Every strategy is combined with every space, and with every kind of objective, by small budgets.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from SearchSpace import SPACES, DecisionSpace, load_space
from tests.zennas.table_files import write_table
from zennas.budget.budgets import Budget
from zennas.common.errors import WrongSettingError
from zennas.runs.candidate import Candidate
from zennas.searching.depth import with_depth_limit
from zennas.searching.fronts.goals import VECTOR
from zennas.searching.objectives.base import OBJECTIVES, Objective
from zennas.searching.objectives.proxy import SingleProxy
from zennas.searching.objectives.train import NAME as TRAIN
from zennas.searching.preparing import Prepared, completed, prepare
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import STRATEGIES, Search
from zennas.searching.strategies.front import NAME as FRONT
from zennas.testing.objectives import SETTINGS

EVALUATIONS, ITERATIONS = 24, 400
KILLED_AFTER = 9
TRAININGS = 4
HALVING = "successive_halving"
"""A strategy for objectives that train only."""
OPTIONS: dict[str, dict[str, Any]] = {
    "evolution": {"population_size": 8},
    "aging": {"pool": 8, "tournament": 3},
    "nsga2": {"population_size": 8},
    "predictor": {**STRATEGIES.get("predictor").small, "per_round": 8, "pool": 24},
    "front": {"low": 1e3, "high": 1e9, "points": 4, "members": 4},
}
RANKS = "mean_rank(params+flops)"
"""A proxy that gives candidates no value of their own."""
OWN_SPACE = """
def gen_search_space(blocks, i):
    text = str(blocks[i])
    return [[text], [text.replace("K3K3", "K5K5")], [text.replace("K3K3", "K7K7").replace("K5K5", "K3K3")]]
"""
GENEROUS = Budget(params=10**9, any_depth=True)


def measured(objective: Objective, candidate: Candidate) -> Candidate:
    if candidate.id % 7 == 0:
        return candidate.evaluated("failed on purpose")
    return candidate.evaluated(objective.measure(candidate))


def carried_on(prepared: Prepared, most: int = 10**6) -> list[Candidate]:
    """Run a search to its end, or for so many turns, and return the changes for the store."""
    search, objective = prepared.search, prepared.objective
    waiting, changes, turns = list(search.pending), list[Candidate](), 0
    while (waiting or not search.done) and turns < most:
        turns += 1
        while len(waiting) < 3 and not search.done and (asked := search.ask(1)):
            waiting += asked
        if waiting:
            search.tell([measured(objective, waiting.pop(0))])
        changes += search.take_changes()
    return changes


def outcome(search: Search) -> object:
    return [(c.id, c.structure) for c in search.kept], search.progress(), search.state()


def ends_the_same(settings: SearchSettings) -> Sequence[Candidate]:
    """Carry out a search as a whole, and one that is killed; return what is kept."""
    chosen = completed(with_depth_limit(settings))
    whole, first, second = prepare(chosen), prepare(chosen), prepare(replace(chosen, seed=chosen.seed + 1))
    carried_on(whole)
    changes = {c.id: c for c in carried_on(first, min(KILLED_AFTER, (chosen.budget_evaluations or ITERATIONS) // 2))}
    second.search.restore(json.loads(json.dumps(first.search.state())), changes.values())
    carried_on(second)
    assert outcome(second.search) == outcome(whole.search)
    progress = whole.search.progress()
    assert progress.scored == chosen.budget_evaluations or progress.tried == ITERATIONS
    assert progress.kept == len(whole.search.kept)
    return whole.search.kept


def in_space(space: str, strategy: str) -> SearchSettings:
    """Settings of a small search by FLOPs."""
    return SearchSettings(
        search_space=space,
        strategy=strategy,
        strategy_options=OPTIONS.get(strategy, {}),
        proxy="flops",
        budget=GENEROUS,
        iterations=ITERATIONS,
        budget_evaluations=EVALUATIONS,
    )


def settings_for(kind: str, folder: Path) -> SearchSettings:
    """Settings of a search by a kind of objective, in a space where it measures networks."""
    settings = replace(SETTINGS, budget=GENEROUS)
    if kind == VECTOR:
        return replace(settings, objective=kind)
    settings = replace(settings, maximise=(), minimise=())
    if kind == RANKS:
        return replace(settings, proxy=RANKS)
    if kind == "table":
        return replace(settings, objective=f"table:{write_table(folder / 'table.csv')}", search_space="nasbench201")
    if kind == TRAIN:
        settings = replace(settings, budget=Budget(params=30_000), search_space="units")
    example = OBJECTIVES.get(kind).example
    return replace(settings, objective=kind) if example is None else example(settings)[0]


@pytest.mark.parametrize("space", [*SPACES.names(), "own.py"])
@pytest.mark.parametrize("strategy", [one.name for one in STRATEGIES])
def test_every_strategy_searches_every_space(
    strategy: str, space: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if strategy == HALVING:
        monkeypatch.setattr(SingleProxy, "epochs", 9, raising=False)  # as if it trained networks
    if space.endswith(".py"):
        space = str(tmp_path / space)
        Path(space).write_text(OWN_SPACE)
    assert ends_the_same(in_space(space, strategy))


@pytest.mark.parametrize("kind", [*(one.name for one in OBJECTIVES), RANKS])
@pytest.mark.parametrize("strategy", [one.name for one in STRATEGIES])
def test_every_strategy_serves_every_objective(strategy: str, kind: str, tmp_path: Path) -> None:
    settings = settings_for(kind, tmp_path)
    if (strategy, kind) == (FRONT, VECTOR):
        with pytest.raises(WrongSettingError, match="one score over costs"):
            completed(replace(settings, strategy=strategy))
        return
    chosen = replace(
        settings,
        strategy=strategy,
        strategy_options=OPTIONS.get(strategy, {}),
        iterations=ITERATIONS,
        budget_evaluations=TRAININGS if kind == TRAIN else EVALUATIONS,
    )
    if strategy == HALVING and kind == TRAIN:
        assert chosen.training is not None
        chosen = replace(chosen, training=replace(chosen.training, epochs=3))
    elif strategy == HALVING:
        with pytest.raises(WrongSettingError, match="trains nothing"):
            prepare(completed(chosen))
        return
    kept = ends_the_same(chosen)
    assert kept


@pytest.mark.parametrize("strategy", [one.name for one in STRATEGIES if one.draws and one.moves])
def test_every_strategy_with_help_is_helped_by_scores_and_by_ranks(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if strategy == HALVING:
        monkeypatch.setattr(SingleProxy, "epochs", 9, raising=False)
    for space, score in (("nasbench201", RANKS), ("XXBL", "params")):
        in_decisions = isinstance(load_space(space), DecisionSpace)
        kept = ends_the_same(
            replace(
                in_space(space, strategy),
                warm_up=12 if in_decisions else None,  # populations of open spaces begin with one structure
                move_proposal=3,
                warm_up_proxy=score,
            )
        )
        assert kept
