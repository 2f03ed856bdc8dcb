"""Fronts: what is kept in each cell, the points, their runs, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import zennas
from PlainNet.cost import CostModel
from SearchSpace import load_space
from tests.zennas.conftest import Run
from zennas.budget.budgets import Budget, BudgetError, LatencyLimit
from zennas.common.errors import WrongSettingError
from zennas.named.models import trained_model
from zennas.named.settings import NetworkSettings
from zennas.named.structures import TargetError, UnknownTargetError, resolve
from zennas.runs.candidate import Candidate
from zennas.runs.store import StoreError
from zennas.searching.fronts.front import front_settings, points_of
from zennas.searching.fronts.grid import COUNTS, Axis, Grid
from zennas.searching.generations import Generations
from zennas.searching.objectives.base import objective_of
from zennas.searching.result import SearchResult, read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import Problem, Search
from zennas.searching.strategies.front import Front, FrontOptions, make
from zennas.training.places import training_folder

from .test_runs import Clock, CutShort, Interrupter, rows

OPTIONS = FrontOptions("params", 20_000, 100_000, 5, members=10, children=200)
MODEL = CostModel(16, 10)
NETWORK = NetworkSettings(16, 10)
GRID = OPTIONS.grid(NETWORK)
PLAIN = SearchSettings(proxy="zen_expected", resolution=16, device="cpu", budget=Budget(layers=8))


def problem(iterations: int = 3000, seed: int = 0, space: str = "XXBL", proxy: str = "zen_expected") -> Problem:
    objective = objective_of(replace(PLAIN, proxy=proxy))
    return Problem(load_space(space), MODEL, Budget(params=100_000, layers=8), (), objective, iterations, seed)


def step(search: Search, asked: Problem) -> None:
    search.tell([one.evaluated(asked.objective.measure(one)) for one in search.ask(1)])


def end(search: Search, asked: Problem) -> Search:
    while not search.done:
        step(search, asked)
    return search


def outcome(search: Search) -> object:
    return [(c.id, c.structure, c.measures, c.parent) for c in search.kept], search.progress()


def value(candidate: Candidate) -> float:
    return candidate.measures["zen_expected"].value


def test_a_grid_has_equal_factors_and_exact_ends() -> None:
    grid = Axis.between("params", 100, 800, 4, NETWORK)
    assert grid.limits == pytest.approx((100, 200, 400, 800))
    assert (grid.limits[0], grid.limits[-1]) == (100, 800)
    assert Axis.between("params", 0.1, 1.2, 20, NETWORK).limits[-1] == 1.2


@pytest.mark.parametrize("over", COUNTS)
@pytest.mark.parametrize("children", [1, 200])
def test_every_cell_keeps_its_best(over: str, children: int) -> None:
    asked = problem(1500)
    search = end(make(asked, replace(OPTIONS, over=over, high=1e7, children=children)), asked)
    assert isinstance(search, Front if children == 1 else Generations)
    grid, known = Grid((Axis.between(over, 20_000, 1e7, 5, NETWORK),)), dict[int, Candidate]()
    for candidate in search.take_changes():
        known[candidate.id] = candidate
    kept = {candidate.id for candidate in search.kept}
    assert len({candidate.structure for candidate in search.kept}) == len(kept)
    for number in range(grid.count):
        here = [one for one in known.values() if grid.cell(one) == number]
        members = [one for one in here if one.id in kept]
        dropped = [value(one) for one in here if one.id not in kept]
        assert len(members) <= 10
        if dropped:
            assert len(members) == 10
            assert max(dropped) <= min(map(value, members))
    assert sum(grid.cell(one) < grid.count for one in search.kept) == len(kept)
    for one in search.kept:
        assert one.cost == MODEL(one.structure)
        assert asked.budget.violation(one.cost) is None


def test_points_ascend_and_none_is_dominated() -> None:
    asked = problem()
    search = end(make(asked, OPTIONS), asked)
    points = points_of(GRID, asked.objective, search.kept)
    params, scores = [one.cost.params for one in points], list(map(value, points))
    assert len(points) > 2
    assert params == sorted(set(params))
    assert scores == sorted(set(scores))
    for other in search.kept:
        cheaper = [value(one) for one in points if GRID.cell(one) <= GRID.cell(other)]
        assert max(cheaper) >= value(other)


@pytest.mark.parametrize(
    ("space", "proxy", "children"),
    [("XXBL", "zen_expected", 200), ("units", "zen_expected", 200), ("XXBL", "flops", 1)],
)
def test_any_state_can_be_restored(space: str, proxy: str, children: int) -> None:
    asked = problem(600, space=space, proxy=proxy)
    options = replace(OPTIONS, children=children)
    whole = outcome(end(make(asked, options), asked))
    assert whole != outcome(end(make(replace(asked, seed=1), options), asked))
    for steps in (1, 4):
        first, known = make(asked, options), dict[int, Candidate]()
        for _ in range(steps):
            step(first, asked)
            known |= {one.id: one for one in first.take_changes()}
        second = make(asked, options)
        second.restore(json.loads(json.dumps(first.state())), known.values())
        assert outcome(end(second, asked)) == whole


@pytest.mark.parametrize("children", [1, 200])
def test_a_beginning_beyond_the_range(children: int) -> None:
    asked = problem()
    search = make(asked, replace(OPTIONS, over="activations", low=10, high=100, children=children))
    with pytest.raises(BudgetError, match=r"begins with .* activations, beyond the range, which ends at 100"):
        step(search, asked)


def front(folder: Path, **changed: object) -> SearchSettings:
    settings = front_settings(PLAIN, "params", "20k:100k", 5, 10, iterations=1500)
    settings = replace(settings, **changed)  # type: ignore[arg-type]
    start(folder, settings)
    return settings


def read_points(result: SearchResult) -> list[str]:
    assert result.front is not None
    return [str(one.structure) for one in result.front.points]


def test_a_run_from_beginning_to_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    front(folder)
    result = read_result(folder)
    content = json.loads(json.dumps(result.to_json(), allow_nan=False))
    points = content["points"]
    assert content["seconds"] > 0
    assert [one["structure"] for one in points] == read_points(result)
    assert content["best_structure"] == points[-1]["structure"]
    for number, one in enumerate(points, start=1):
        found = resolve(f"{folder}@{number}")
        assert str(found.structure) == one["structure"]
        assert (found.resolution, found.num_classes, found.run) == (16, 10, folder / f"point-{number}")
        assert MODEL(found.structure).params == one["params"] <= one["limit"]
        assert one["score"] == found_score(result, number)
        assert one["latency_ms"] is None
    assert str(resolve(str(folder)).structure) == content["best_structure"]
    assert training_folder(f"{folder}@2", "digits") == folder / "point-2" / "train-digits"


def found_score(result: SearchResult, number: int) -> float:
    assert result.front is not None
    return value(result.front.points[number - 1])


@pytest.mark.parametrize("proxy", ["zen_expected", "az_nas"])
@pytest.mark.parametrize("after", [1, 4])
def test_an_interrupted_front_ends_like_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, proxy: str
) -> None:
    monkeypatch.setattr("zennas.searching.runner.time", Clock())
    changed = {} if proxy == "zen_expected" else {"proxy": proxy, "iterations": 30, "batch_size": 4, "ahead": 1}
    settings, parts = front(tmp_path / "whole", **changed), tmp_path / "parts"
    with pytest.raises(CutShort):
        start(parts, settings, Interrupter(after))
    resume(parts)
    a, b = read_result(tmp_path / "whole"), read_result(parts)
    assert (a.best, a.counts, read_points(a)) == (b.best, b.counts, read_points(b))
    assert rows(tmp_path / "whole") == rows(parts)
    assert all(one["score"] is not None for one in a.to_json()["points"])


def test_more_iterations_continue_a_front(tmp_path: Path) -> None:
    front(tmp_path / "whole")
    front(tmp_path / "parts", iterations=700)
    resume(tmp_path / "parts", iterations=1500)
    assert read_points(read_result(tmp_path / "parts")) == read_points(read_result(tmp_path / "whole"))


def test_a_front_over_a_latency(tmp_path: Path, abacus: str) -> None:
    result = zennas.front(
        over=f"latency:{abacus.removeprefix('predictor:')}",
        between=(0.02, 0.2),
        points=4,
        members=5,
        max_layers=9,
        budget_params="200k",
        resolution=16,
        proxy="zen_expected",
        iterations=1500,
        save_dir=tmp_path / "run",
    )
    points = result.to_json()["points"]
    times = [one["latency_ms"] for one in points]
    assert times == sorted(times)
    assert all(one["latency_ms"] <= one["limit"] <= 0.2 for one in points)
    assert all(one["params"] <= 200_000 for one in points)
    assert len(points) > 1


def test_texts_that_are_no_points(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    front(folder, iterations=300)
    count = len(read_points(read_result(folder)))
    for number in (0, count + 1):
        with pytest.raises(StoreError, match=f"has no point {number}, expected one from .*@1 to .*@{count}$"):
            resolve(f"{folder}@{number}")
    with pytest.raises(UnknownTargetError):
        resolve(f"{tmp_path / 'other'}@1")
    with pytest.raises(TargetError, match="is not trained: train it with zennas train"):
        trained_model(f"{folder}@1")
    start(tmp_path / "search", replace(PLAIN, budget=Budget(params=60_000, layers=8), iterations=50))
    with pytest.raises(StoreError, match="is no front, so it has no points: leave out @1"):
        resolve(f"{tmp_path / 'search'}@1")


@pytest.mark.parametrize(
    ("over", "between", "error"),
    [
        ("params", "100k", "the range is '100k', expected two limits like 100k:1M"),
        ("params", "1ms:2ms", "the range: '1ms' is not a number.* expected one like 100k:1M"),
        ("latency:v100-pytorch-fp16", "0.1:1.2", r"the range has '0.1', expected times with a unit \(s, ms or us\)"),
        ("params", "1M:100k", "the range of params goes from 1e.06 to 100000, expected the lower limit first"),
        ("params", (0, 5), "low is 0, expected a number above 0"),
        ("rom", "1k:2k", "over is 'rom', expected params, flops, activations, ram, flash or latency:SOURCE"),
        ("flops", "1k:2k", "the front is over flops, which has a budget, too: leave out --budget-flops"),
    ],
)
def test_wrong_ranges(over: str, between: str, error: str) -> None:
    settings = replace(PLAIN, budget=Budget(flops=10**6))
    with pytest.raises(WrongSettingError, match=error):
        front_settings(settings, over, between)


def test_a_latency_is_limited_once() -> None:
    settings = replace(PLAIN, budget=Budget(latency=(LatencyLimit(1.0),)))
    with pytest.raises(WrongSettingError, match="which has a budget, too"):
        front_settings(settings, "latency:v100-pytorch-fp16", "100us:1ms")
    chosen = front_settings(PLAIN, "latency:v100-pytorch-fp16", "100us:0.001s", 2)
    assert (chosen.strategy_options["low"], chosen.budget.latency[0].ms) == (0.1, 1.0)
    assert chosen.iterations == 500_000
    with pytest.raises(WrongSettingError, match="but the budget limits no latency: use zennas front"):
        make(problem(), replace(OPTIONS, over="latency:predictor:v100-pytorch-fp16"))


def test_the_command(run: Run) -> None:
    given = ["--over", "params", "--range", "20k:100k", "--points", "4", "--max-layers", "8", "--resolution", "16"]
    code, out, err = run("front", *given, "--iterations", "600", "--save-dir", "sizes")
    assert (code, err) == (0, "")
    assert "sizes@1 " in out
    assert "over params from 20k to 100k" in out
    code, out, _ = run("front", "--config", "sizes/settings.toml", "--save-dir", "again", "--json")
    points = json.loads(out)["points"]
    assert code == 0
    code, out, _ = run("runs", "sizes", "--json")
    assert [one["structure"] for one in json.loads(out)["points"]] == [one["structure"] for one in points]
    assert points[0]["network"] == "again@1"
    code, out, _ = run("analyze", "sizes@1", "--no-check", "--json")
    assert code == 0
    assert json.loads(out)["params"] == points[0]["params"]
    code, out, _ = run("runs", ".")
    assert "front over params from 20k to 100k, params" in " ".join(out.split())
    assert f"{len(points)} points; 600 tried" in " ".join(out.split())
    code, out, _ = run("front", "--resume", "sizes", "--json")
    assert (code, json.loads(out)["run"]) == (0, "sizes")
    code, _, err = run("front", "--over", "params", "--save-dir", "none")
    assert code == 2
    assert "expected both, like --over params --range 100k:1M" in err
    assert not Path("none").exists()


def test_cells_of_arrays_are_those_of_candidates() -> None:
    asked = problem(900)
    search = end(make(asked, OPTIONS), asked)
    cells = [GRID.cell(one) for one in search.kept]
    assert cells == sorted(cells)
    params = [one.cost.params for one in search.kept]
    assert np.searchsorted(GRID.axes[0].limits, params).tolist() == cells
