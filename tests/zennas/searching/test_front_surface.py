"""Fronts over two costs and over RAM: cells, points, runs, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import zennas
from PlainNet import parse
from PlainNet.cost import CostModel
from PlainNet.flash import FlashModel
from PlainNet.ram import RamModel
from SearchSpace import load_space
from tests.zennas.conftest import Run
from zennas.budget.budgets import Budget, BudgetError
from zennas.common.errors import WrongSettingError
from zennas.named.settings import NetworkSettings
from zennas.named.structures import resolve
from zennas.runs.candidate import Candidate
from zennas.searching.fronts.front import MEMBERS, PER_CELL, front_settings, points_of
from zennas.searching.fronts.grid import Axis, Grid
from zennas.searching.generations import Generations
from zennas.searching.objectives.base import objective_of
from zennas.searching.result import SearchResult, read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import Problem, Search
from zennas.searching.strategies.front import Front, FrontOptions, make

from .test_runs import Clock, CutShort, Interrupter, rows

NETWORK = NetworkSettings(16, 10)
MODEL = CostModel(16, 10)
RAM = RamModel(MODEL)
FLASH = FlashModel(MODEL)
PLAIN = SearchSettings(proxy="zen_expected", resolution=16, device="cpu", budget=Budget(layers=8))
TWO = FrontOptions("params", 20_000, 100_000, 4, "flops", 2e6, 2e7, 3, members=5, children=200)
WITH_RAM = replace(TWO, second_over="ram", second_low=4_000, second_high=40_000)


def problem(iterations: int = 1500, budget: Budget = Budget(params=100_000, flops=20_000_000, layers=8)) -> Problem:
    return Problem(load_space("XXBL"), MODEL, budget, (), objective_of(PLAIN), iterations, 0)


def end(search: Search, asked: Problem) -> Search:
    while not search.done:
        search.tell([one.evaluated(asked.objective.measure(one)) for one in search.ask(1)])
    return search


def value(candidate: Candidate) -> float:
    return candidate.measures["zen_expected"].value


def points(result: SearchResult) -> tuple[Candidate, ...]:
    assert result.front is not None
    return result.front.points


@pytest.mark.parametrize("children", [1, 200])
@pytest.mark.parametrize("options", [TWO, WITH_RAM, replace(TWO, over="flash", low=30_000, high=90_000)])
def test_members_and_points_keep_the_limits_of_their_cells(options: FrontOptions, children: int) -> None:
    asked = problem(budget=Budget(params=100_000, flops=20_000_000, layers=8, ram=40_000, flash=90_000))
    search = end(make(asked, replace(options, children=children)), asked)
    assert isinstance(search, Front if children == 1 else Generations)
    grid = options.grid(NETWORK)
    members: dict[int, int] = {}
    for one in search.kept:
        cell = grid.cell(one)
        costs, limits = grid.values(one), grid.limits(cell)
        assert all(cost <= limit for cost, limit in zip(costs, limits, strict=True))
        for axis, cost, limit in zip(grid.axes, costs, limits, strict=True):
            step = axis.limits.index(limit)
            assert not step or cost > axis.limits[step - 1]
        assert asked.budget.violation(one.cost) is None
        assert RAM(one.structure) <= 40_000
        members[cell] = members.get(cell, 0) + 1
    assert max(members.values()) <= options.members
    assert max(members) < grid.count
    found = points_of(grid, asked.objective, search.kept)
    assert len(found) > 2
    assert [grid.cell(one) for one in found] == sorted({grid.cell(one) for one in found})
    for one in found:
        for other in found:
            cheaper = all(a <= b for a, b in zip(grid.values(other), grid.values(one), strict=True))
            assert one is other or not (cheaper and value(other) >= value(one))
    for kept in search.kept:  # within the limits of each cell, no member is better than the best point
        limits = grid.limits(grid.cell(kept))
        within = [one for one in found if all(a <= b for a, b in zip(grid.values(one), limits, strict=True))]
        assert max(map(value, within)) >= value(kept)


def test_cells_of_arrays_are_those_of_candidates() -> None:
    asked = problem(budget=Budget(params=100_000, layers=8))
    options = replace(WITH_RAM, over="activations", low=5e3, high=5e4)
    search = end(make(asked, options), asked)
    cells = [options.grid(NETWORK).cell(one) for one in search.kept]
    assert cells == sorted(cells)
    assert search.progress().rejected["activations"] > 0


def test_cells_are_numbered_along_the_last_axis_first() -> None:
    grid = Grid((Axis("params", (1, 2), NETWORK), Axis("flops", (10, 20, 30), NETWORK)))
    assert [grid.limits(i) for i in range(grid.count)] == [(1, 10), (1, 20), (1, 30), (2, 10), (2, 20), (2, 30)]


def surface(folder: Path, **changed: object) -> SearchSettings:
    settings = front_settings(PLAIN, ["params", "ram"], ["20k:100k", "4k:40k"], (3, 4), 6, iterations=1500)
    settings = replace(settings, **changed)  # type: ignore[arg-type]
    start(folder, settings)
    return settings


def test_a_run_from_beginning_to_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    surface(folder)
    result = read_result(folder)
    content = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert content["over"] == ["params", "ram"]
    found = content["points"]
    assert [one["structure"] for one in found] == [str(one.structure) for one in points(result)]
    assert len(found) > 2
    for number, one in enumerate(found, start=1):
        structure = resolve(f"{folder}@{number}").structure
        assert str(structure) == one["structure"]
        assert MODEL(structure).params == one["params"] <= one["limits"]["params"]
        assert RAM(structure) == one["ram"] <= one["limits"]["ram"] <= 40_000
    highest = max(found, key=lambda one: float(one["score"]))
    assert content["best_structure"] == highest["structure"]
    assert content["cost"]["ram"] == highest["ram"]


@pytest.mark.parametrize("changed", [{}, {"strategy_options": {"children": 1}, "iterations": 300}])
@pytest.mark.parametrize("after", [1, 3])
def test_an_interrupted_surface_ends_like_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, changed: dict[str, object]
) -> None:
    monkeypatch.setattr("zennas.searching.runner.time", Clock())
    settings = front_settings(PLAIN, ["params", "ram"], ["20k:100k", "4k:40k"], (3, 4), 6, iterations=1500)
    if "strategy_options" in changed:
        options = {**settings.strategy_options, "children": 1}
        settings = replace(settings, strategy_options=options, iterations=300)
    start(tmp_path / "whole", settings)
    with pytest.raises(CutShort):
        start(tmp_path / "parts", settings, Interrupter(after))
    resume(tmp_path / "parts")
    a, b = read_result(tmp_path / "whole"), read_result(tmp_path / "parts")
    assert (a.best, a.counts, points(a)) == (b.best, b.counts, points(b))
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")


def test_a_surface_is_about_as_good_as_a_front_over_one_of_its_costs(tmp_path: Path) -> None:
    one = front_settings(replace(PLAIN, iterations=1), "params", "30k:100k", 4, 24, iterations=12_000)
    two = front_settings(PLAIN, ["params", "flops"], ["30k:100k", "4M:400M"], (4, 3), 8, iterations=12_000)
    start(tmp_path / "one", one)
    start(tmp_path / "two", two)
    first, second = points(read_result(tmp_path / "one")), points(read_result(tmp_path / "two"))
    for limit in Axis.between("params", 30_000, 100_000, 4, NETWORK).limits:
        ours, theirs = (
            max((value(p) for p in found if p.cost.params <= limit), default=0) for found in (second, first)
        )
        assert ours == pytest.approx(theirs, rel=0.08)


def test_two_latencies_and_the_api(tmp_path: Path, abacus: str) -> None:
    result = zennas.front(
        over=["params", f"latency:{abacus.removeprefix('predictor:')}"],
        between=[(20_000, 100_000), (0.02, 0.2)],
        points=(2, 3),
        members=5,
        max_layers=9,
        resolution=16,
        proxy="zen_expected",
        iterations=1500,
        save_dir=tmp_path / "run",
    )
    found = result.to_json()["points"]
    assert len(found) > 1
    for one in found:
        assert one["params"] <= one["limits"]["params"] <= 100_000
        assert one["latency_ms"] <= one["limits"][result.to_json()["over"][1]] <= 0.2


def test_defaults_over_two_costs() -> None:
    chosen = front_settings(PLAIN, ["params", "ram"], ["20k:100k", "4k:40k"])
    assert (chosen.strategy_options["points"], chosen.strategy_options["second_points"]) == (8, 8)
    assert (chosen.strategy_options["members"], chosen.iterations) == (MEMBERS, 64 * PER_CELL)
    assert (chosen.budget.params, chosen.budget.ram) == (100_000, 40_000)
    assert front_settings(PLAIN, ["params", "ram"], ["2k:3k", "4k:5k"], 3).strategy_options["second_points"] == 3


@pytest.mark.parametrize(
    ("over", "between", "steps", "error"),
    [
        (["params", "params"], ["1k:2k", "1k:2k"], None, "over params twice, expected two different costs"),
        (["params", "flops"], ["1k:2k"], None, "2 costs and 1 range, expected a range for each cost.*--over flops"),
        (["params"], ["1k:2k", "1k:2k"], None, "1 cost and 2 ranges, expected a range for each cost"),
        (["params", "ram", "flops"], ["1k:2k"] * 3, None, "the front is over 3 costs, expected one or two"),
        (["params", "ram"], ["1k:2k", "4k:2k"], None, "the range of ram goes from 4000 to 2000, expected the lower"),
        (["params", "ram"], ["1k:2k", "2k:4k"], (1, 8), "points is 1, expected from 2 to 1000"),
        (["params", "ram"], ["1k:2k", "2k:4k"], (8,), "points is 8 for 2 costs, expected a number for each, like 8x8"),
        (["params", "ram"], ["1k:2k", "2k:4k"], (40, 40), "points is 40x40, expected at most 1,000 cells in all"),
        (["params", "rom"], ["1k:2k", "2k:4k"], None, "over is 'rom', expected params, flops, activations, ram, flash"),
        (["ram", "flops"], ["1k:2k", "2k:4k"], None, "over flops, which has a budget, too: leave out --budget-flops"),
    ],
)
def test_wrong_surfaces(over: list[str], between: list[str], steps: tuple[int, ...] | None, error: str) -> None:
    with pytest.raises(WrongSettingError, match=error):
        front_settings(replace(PLAIN, budget=Budget(flops=10**6, layers=8)), over, between, steps)


@pytest.mark.parametrize("children", [1, 4096])
def test_budgets_of_ram_and_flash_hold(tmp_path: Path, children: int) -> None:
    budget = Budget(ram=8_192, flash=40_000, layers=8)
    settings = replace(PLAIN, budget=budget, iterations=400, strategy_options={"children": children})
    start(tmp_path / "run", settings)
    result = read_result(tmp_path / "run")
    assert result.best is not None
    for name, model, limit in (("ram", RAM, 8_192), ("flash", FLASH, 40_000)):
        found = model(result.best.structure)
        assert found == result.memories(result.best)[name] == result.to_json()["cost"][name] <= limit
        assert result.counts["rejected"][name] > 0


def test_ram_that_nothing_meets(tmp_path: Path) -> None:
    words = r"has ram ≤ 100 bytes \(the smallest found has [0-9,]+ bytes\).*an --initial structure with larger strides$"
    with pytest.raises(BudgetError, match=words):
        start(tmp_path / "none", replace(PLAIN, budget=Budget(ram=100)))
    assert not (tmp_path / "none").exists()


def test_a_front_over_flash(tmp_path: Path) -> None:
    settings = front_settings(PLAIN, "flash", "10k:60k", 4, 6, iterations=800)
    start(tmp_path / "run", settings)
    points = read_result(tmp_path / "run").to_json()["points"]
    assert points and settings.budget.flash == 60_000
    for one in points:
        assert FLASH(parse(one["structure"])) == one["flash"] <= one["limit"]


def test_arrays_and_candidates_know_the_same_ram() -> None:
    asked = problem(600, Budget(params=100_000, layers=8, ram=9_000))
    options = replace(WITH_RAM, second_low=1_000, second_high=9_000)
    for children in (1, 200):
        search = end(make(asked, replace(options, children=children)), asked)
        assert np.all(np.array([RAM(one.structure) for one in search.kept]) <= 9_000)


def test_the_command(run: Run) -> None:
    given = ["--over", "params", "--range", "20k:100k", "--over", "ram", "--range", "4k:40k", "--points", "3x4"]
    code, out, err = run(
        "front", *given, "--max-layers", "8", "--resolution", "16", "--iterations", "600", "--save-dir", "both"
    )
    assert (code, err) == (0, "")
    assert "of 12 over params from 20k to 100k and ram from 4k bytes to 40k bytes" in out
    code, out, _ = run("front", "--config", "both/settings.toml", "--points", "2x2", "--save-dir", "again", "--json")
    assert code == 0
    assert len(json.loads(out)["points"]) <= 4
    code, out, _ = run("runs", ".")
    assert "front over params from 20k to 100k and ram from 4k bytes to 40k bytes" in " ".join(out.split())
    for wrong, error in (("1", "'1' is out of range"), ("2x2x2", "has 3 numbers, expected one for each cost")):
        code, _, err = run("front", *given[:-1], wrong, "--save-dir", "none")
        assert (code, Path("none").exists()) == (2, False)
        assert error in err
