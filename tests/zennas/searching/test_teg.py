"""Searches by the three indicators of TEG-NAS, and candidates that lack one of them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from PlainNet import parse
from PlainNet.cost import CostModel
from SearchSpace.nasbench201 import Cell201, network
from zennas.budget.budgets import Budget
from zennas.common.errors import SettingsError, WrongSettingError
from zennas.data import DataError
from zennas.report.scores import score_text
from zennas.runs.candidate import Candidate, Measure, Missing
from zennas.runs.store import Store
from zennas.searching import runner
from zennas.searching.executors.base import ExecutorSettings
from zennas.searching.objectives.base import indicators_of, objective_of
from zennas.searching.result import candidate_json, read_result
from zennas.searching.settings import SearchSettings
from zennas.searching.teg_images import drawn, imaging_of
from ZeroShotProxy import ProxyError

SMALL = "teg:noise,images=6,networks=1,crops=30"
SETTINGS = SearchSettings(
    search_space="nasbench201",
    objective=SMALL,
    budget=Budget(params=10**9),
    resolution=8,
    strategy="aging",
    strategy_options={"pool": 4, "tournament": 2},
    iterations=10,
    ahead=2,
    device="cpu",
)
NAMES = ("teg_trainability", "teg_expressivity", "teg_generalisation")


def candidate(number: int, *edges: int) -> Candidate:
    structure = network(Cell201(edges), channels=4, cells=1)
    return Candidate(number, structure, None, CostModel(8, 10)(structure), number, 0)


def scored(number: int, *values: float | None) -> Candidate:
    outcome = {
        name: Missing("it is singular") if value is None else Measure(value)
        for name, value in zip(NAMES, values, strict=True)
    }
    return candidate(number, 3, 3, 3, 3, 3, 3).evaluated(outcome)


def test_the_value_is_minus_the_sum_of_ranks_among_the_candidates() -> None:
    found = [scored(1, 10.0, 500.0, 0.9), scored(2, 20.0, 600.0, 0.9), scored(3, 30.0, 600.0, 0.5)]
    objective = objective_of(SETTINGS)
    assert objective.values(found) == [-(1 + 3 + 2.5), -(2 + 1.5 + 2.5), -(3 + 1.5 + 1)]
    assert objective.values(found[:2]) == [-(1 + 2 + 1.5), -(2 + 1 + 1.5)]
    assert objective.values([]) == []
    assert indicators_of(objective, found) == [(-10, 500, -0.9), (-20, 600, -0.9), (-30, 600, -0.5)]


def test_a_candidate_without_an_indicator_ranks_last_by_it() -> None:
    found = [scored(1, None, 900.0, None), scored(2, 1e9, 1.0, 1e9), scored(3, None, 1.0, None)]
    objective = objective_of(SETTINGS)
    assert objective.values(found) == [-(2.5 + 1 + 2.5), -(1 + 2.5 + 1), -(2.5 + 2.5 + 2.5)]
    assert indicators_of(objective, found) == [(-math.inf, 900, -math.inf), (-1e9, 1, -1e9), (-math.inf, 1, -math.inf)]
    assert found[0].missing == {NAMES[0]: "it is singular", NAMES[2]: "it is singular"} and found[0].error is None
    assert candidate_json(found[0])["missing"][NAMES[0]] == "it is singular"


def test_a_disconnected_network_is_measured_and_says_what_it_lacks() -> None:
    whole, none = candidate(1, 3, 3, 3, 3, 3, 3), candidate(2, 0, 0, 0, 0, 0, 0)
    objective = objective_of(SETTINGS)
    measured = [one.evaluated(objective.measure(one)) for one in (none, whole)]
    assert set(measured[0].missing) == {NAMES[0], NAMES[2]} and set(measured[0].measures) == {NAMES[1]}
    assert not measured[1].missing
    values = objective.values(measured)
    assert values[0] < values[1]


def test_a_run_keeps_why_an_indicator_is_missing_and_no_sum_of_ranks(tmp_path: Path) -> None:
    runner.start(tmp_path / "run", SETTINGS)
    result = read_result(tmp_path / "run")
    assert result.best is not None and set(result.best.measures) <= set(NAMES)
    assert result.score_meaning is not None and result.score_meaning.startswith("teg:")
    assert score_text(result.best, result.settings) == "–"
    with Store.read(tmp_path / "run") as store:
        found = store.candidates()
    assert len(found) == 10
    for one in found:
        assert set(one.measures) | set(one.missing) == set(NAMES) and not set(one.measures) & set(one.missing)
    lacking = scored(11, None, 1.0, 2.0).with_status("member")
    with Store.open(tmp_path / "run") as store:
        store.put_candidates([lacking], {})
        assert store.candidates([11]) == [lacking]


class StopError(Exception):
    pass


@pytest.mark.parametrize("strategy", ["aging", "evolution", "random"])
def test_a_run_that_is_killed_and_resumed_in_processes_ends_the_same(
    tmp_path: Path, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = SETTINGS.strategy_options if strategy == "aging" else {}
    settings = replace(SETTINGS, strategy=strategy, strategy_options=options)
    runner.start(tmp_path / "whole", settings)

    class Killer(runner.NoWatcher):
        def searching(self, progress: object, iterations: int, best: float | None) -> None:
            raise StopError

    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(runner, "WATCH_SECONDS", 0.0)
    with pytest.raises(StopError):
        runner.start(tmp_path / "killed", settings, Killer())
    monkeypatch.undo()
    runner.resume(tmp_path / "killed", executor=ExecutorSettings(workers=2))
    stores = [Store.read(tmp_path / name) for name in ("whole", "killed")]
    first, second = (store.candidates() for store in stores)
    for store in stores:
        store.close()
    assert first == second and len(first) >= 4


def test_images_are_named_so_that_they_are_found_from_any_folder(tmp_path: Path) -> None:
    settings = replace(SETTINGS, objective="teg:digits,images=6,crops=30,networks=1")
    runner.start(tmp_path / "run", settings)
    with Store.read(tmp_path / "run") as store:
        assert store.get("settings")["objective"] == "teg:digits,images=6,networks=1,crops=30"
        assert store.get("objective_digest") == drawn(imaging_of(settings)).digest
    with Store.open(tmp_path / "run") as store:
        store.put({"objective_digest": "another", "status": "searching"})
    with pytest.raises(SettingsError, match="has changed since the run"):
        runner.resume(tmp_path / "run")


def test_the_images_are_drawn_once_and_are_all_different() -> None:
    imaging = imaging_of(replace(SETTINGS, objective="teg:digits,crops=50", resolution=16))
    found = drawn(imaging)
    both = np.concatenate([found.known, found.held_out]).reshape(128, -1)
    assert found.known.shape == (64, 3, 16, 16) and len(np.unique(both, axis=0)) == 128
    assert found.crops.shape == (3, 50, 1, 3, 3) and found.classes == 10
    assert set(found.held_out_labels) <= set(range(10))
    assert drawn(replace(imaging, seed=1)).digest != found.digest


@pytest.mark.parametrize(
    ("objective", "error", "message"),
    [
        ("teg:digits,image=6", WrongSettingError, "'image=6' is no option of the objective teg"),
        ("teg:noise,images=one", WrongSettingError, "images is 'one', expected a whole number"),
        ("teg:noise,images=1", WrongSettingError, "images is 1, expected"),
        ("teg:digits,images=1024", DataError, "training images, expected at least 2048"),
        ("teg:there-is-no-such-thing", DataError, "there is no data set"),
    ],
)
def test_wrong_objectives_are_refused_before_there_is_a_run(
    tmp_path: Path, objective: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        runner.start(tmp_path / "run", replace(SETTINGS, objective=objective))
    assert not (tmp_path / "run").exists()


def test_a_space_without_a_supernet_is_refused_with_those_that_have_one(tmp_path: Path) -> None:
    settings = replace(SETTINGS, search_space="XXBL", strategy="evolution", strategy_options={})
    with pytest.raises(ProxyError, match="no space with a supernet"):
        runner.start(tmp_path / "run", settings)
    assert not (tmp_path / "run").exists()


def test_measures_do_not_depend_on_the_seed_of_a_candidate() -> None:
    objective, one = objective_of(SETTINGS), candidate(1, 3, 2, 1, 4, 3, 2)
    assert objective.measure(one) == objective.measure(one._replace(seed=5, id=7))
    assert parse(str(one.structure)) == one.structure
