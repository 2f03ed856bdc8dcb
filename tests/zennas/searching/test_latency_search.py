"""Searching under predicted latency: several devices at once, runs cut short, profiles that change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import zennas
from PlainNet import parse
from PlainNet.cost import CostModel
from SearchSpace import load_space
from zennas.api import continue_search
from zennas.budget.budgets import LatencyLimit
from zennas.budget.meters import Predicted, devices
from zennas.common.errors import SettingsError
from zennas.runs.designed import BEST_FILE
from zennas.runs.store import Store
from zennas.searching.objectives.base import objective_of
from zennas.searching.result import SearchResult, read_result
from zennas.searching.runner import resume, start
from zennas.searching.strategies.base import Problem
from zennas.searching.strategies.evolution import Evolution, EvolutionOptions

from .latency_searches import profile, search, settings, written
from .test_runs import Clock, CutShort, Interrupter, rows


def zen_of(result: SearchResult) -> float:
    assert result.best is not None
    return result.best.measures["zen_expected"].value


def test_all_members_keep_to_every_device(tmp_path: Path, abacus: str, slate: str) -> None:
    limits = (LatencyLimit(0.05, abacus), LatencyLimit(0.25, slate))
    result = search(tmp_path / "run", settings(*limits))
    with Store.read(tmp_path / "run") as store:
        candidates = store.candidates()
    assert len(candidates) > 20
    told = {device.limit.source: device for device in devices(result.settings.budget, result.settings.network)}
    for candidate in candidates:
        for limit in limits:
            assert candidate.latency[limit.source].ms <= limit.ms
            assert candidate.latency[limit.source] == told[limit.source](candidate.structure)
    rejected = result.counts["rejected"]
    assert rejected["latency abacus"] > 0
    assert rejected["latency slate"] > 0
    accounted = result.counts["scored"] + sum(number for reason, number in rejected.items() if reason != "score")
    assert accounted == result.counts["tried"] + 1
    alone = search(tmp_path / "alone", settings(limits[0]))
    assert zen_of(alone) > zen_of(result)
    assert [report.found.predicted for report in alone.latency] != [report.found.predicted for report in result.latency]


def test_the_result_says_what_is_predicted_only(tmp_path: Path, abacus: str) -> None:
    result = search(tmp_path / "run", settings(LatencyLimit(0.05, abacus)))
    content = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert result.best is not None
    (latency,) = content["latency"]
    assert latency == {
        "source": abacus,
        "batch_size": 1,
        "budget_ms": 0.05,
        "predicted_ms": result.best.latency[abacus].predicted,
        "measured_ms": None,
        "interval_ms": None,
        "p90_ms": None,
        "settled": True,
        "check": "measured",
        "within_budget": True,
        "notes": ["predicted only: Abacus 3000 is not here"],
    }
    assert content["budget"] == {"layers": 9, "latency": [{"ms": 0.05, "source": abacus, "batch_size": 1}]}
    assert content["measured"] == []
    assert str(result.settings.budget) == "layers ≤ 9, latency ≤ 0.05 ms (abacus)"


def test_what_is_extrapolated_is_noted(tmp_path: Path) -> None:
    narrow = profile("narrow")
    narrow.ranges["conv"]["out_channels"] = [1, 16]
    del narrow.ranges["add"]
    result = search(tmp_path / "run", settings(LatencyLimit(0.05, written(tmp_path, narrow)), iterations=100))
    notes = result.latency[0].notes
    assert any(note.startswith("extrapolated: conv with out channels") for note in notes)


def test_the_seed_decides(tmp_path: Path, abacus: str) -> None:
    chosen = settings(LatencyLimit(0.05, abacus))
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        start(tmp_path / name, replace(chosen, seed=seed))
    assert rows(tmp_path / "a") == rows(tmp_path / "b")
    assert rows(tmp_path / "a") != rows(tmp_path / "c")


@pytest.mark.parametrize(("after", "children"), [(1, 1), (7, 1), (30, 1), (1, 8), (7, 8), (20, 8)])
def test_an_interrupted_run_ends_like_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abacus: str, slate: str, after: int, children: int
) -> None:
    monkeypatch.setattr("zennas.searching.runner.time", Clock())
    options = {"population_size": 20, "children": children}
    chosen = settings(LatencyLimit(0.05, abacus), LatencyLimit(0.25, slate), strategy_options=options)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start(whole, chosen)
    with pytest.raises(CutShort):
        start(parts, chosen, Interrupter(after))
    assert read_result(parts).status == "interrupted"
    resume(parts, expected=chosen)
    a, b = read_result(whole), read_result(parts)
    assert rows(whole) == rows(parts)
    assert (a.best, a.latency, a.counts) == (b.best, b.latency, b.counts)


def test_a_changed_profile_is_noticed(tmp_path: Path, abacus: str) -> None:
    start(tmp_path / "run", settings(LatencyLimit(0.05, abacus), iterations=50))
    written(tmp_path, profile("abacus", 2e8))
    before = read_result(tmp_path / "run").best
    assert continue_search(tmp_path / "run").best == before  # finished: it is shown as it is
    (tmp_path / "run" / BEST_FILE).unlink()
    with pytest.raises(SettingsError, match=r"the latency profile of .* has changed since .*: restore the profile, or"):
        resume(tmp_path / "run")
    Path(abacus.partition(":")[2]).unlink()
    with pytest.raises(SettingsError, match=r"cannot be continued: no latency profile .*; restore the profile, or"):
        resume(tmp_path / "run")


def test_a_start_over_budget_is_walked_down(abacus: str) -> None:
    big = parse("SuperConvK3BNRELU(3,256,1,1)SuperResK7K7(256,256,2,256,5)SuperConvK1BNRELU(256,256,1,1)")
    chosen = settings(LatencyLimit(0.05, abacus))
    found = devices(chosen.budget, chosen.network)
    assert found[0](big).ms > 10
    budget, model = chosen.budget, CostModel(16, 10)
    problem = Problem(load_space("XXBL", big), model, budget, found, objective_of(chosen), 10_000, 0)
    evolution = Evolution(problem, EvolutionOptions(4))
    first = evolution.ask(1)[0]
    assert first.latency[abacus].ms <= 0.05
    assert budget.violation(first.cost) is None
    assert evolution.progress().tried > 0


def test_predictions_follow_the_settings(abacus: str) -> None:
    structure = parse("SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,8,2,8,1)SuperConvK1BNRELU(8,16,1,1)")
    limit = LatencyLimit(1, abacus, 1)
    small, large = (Predicted(limit, settings(limit, resolution=side))(structure).ms for side in (16, 64))
    gated = Predicted(limit, settings(limit, use_se=True))(structure).ms
    assert small < gated < large


def test_a_search_under_latency_by_the_api(tmp_path: Path, abacus: str, slate: str) -> None:
    result = zennas.search(
        budget_latency_ms=[0.05, 0.25],
        latency_backend=[abacus, slate],
        latency_batch_size=4,
        max_layers=9,
        resolution=16,
        iterations=200,
        strategy_options={"population_size": 10},
        proxy="flops",
        save_dir=tmp_path / "run",
    )
    assert [report.limit.batch_size for report in result.latency] == [4, 4]
    assert all(report.within for report in result.latency)
