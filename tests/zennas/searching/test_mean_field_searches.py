"""Searches by `mean_field`, which has no Monte Carlo counterpart: no confirmation at the end, otherwise like others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import zennas
from latency.predicting.predictor import Predictor
from tests.zennas.conftest import Run
from zennas.budget.budgets import Budget, LatencyLimit
from zennas.runs.store import FILE
from zennas.searching.result import read_result
from zennas.searching.runner import start
from ZeroShotProxy import ScoreSettings, score

from .latency_searches import profile, settings, written
from .test_plugging_in import essence, zennas_apart

ROOT = Path(__file__).resolve().parents[3]
RANKS = "log_rank(mean_field+zen_expected)"
MEAN = ["--proxy", "mean_field"]
SMALL = {"budget_params": "60k", "max_layers": 8, "iterations": 300, "population_size": 30, "proxy": "mean_field"}


def found(folder: Path, **changed: Any) -> Any:
    return zennas.search(save_dir=folder / "run", **{**SMALL, **changed})


@pytest.mark.parametrize("use_se", [False, True])
@pytest.mark.parametrize("steps", [500, 8_000])
def test_the_best_by_the_score_is_chosen_without_confirmation(tmp_path: Path, use_se: bool, steps: int) -> None:
    result = found(tmp_path, use_se=use_se, resolution=16, num_classes=7, training_steps=steps)
    assert result.status == "finished"
    assert result.confirmed == ()
    assert list(result.best.measures) == ["mean_field"]
    scoring = ScoreSettings(16, 7, use_se, training_steps=steps)
    expected = score(result.best.structure, ["mean_field"], scoring)["mean_field"].value
    assert result.best.measures["mean_field"].value == pytest.approx(expected, abs=1e-3)  # block by block in a search
    assert result.score_meaning.startswith("mean_field: how much computation")


def test_ranks_and_a_reported_proxy(tmp_path: Path) -> None:
    result = found(tmp_path, proxy=RANKS, report=("deepmad",))
    assert set(result.best.measures) == {"mean_field", "zen_expected", RANKS, "deepmad"}
    assert result.confirmed == ()


def test_latency_budgets_within_the_profile(tmp_path: Path) -> None:
    narrow = profile("narrow", 1e8)
    narrow.ranges["conv"]["out_channels"] = [1, 128]
    limit = LatencyLimit(1.0, written(tmp_path, narrow))
    start(tmp_path / "run", settings(proxy="mean_field", budget=Budget(None, None, 9, (limit,), within_profile=True)))
    best = read_result(tmp_path / "run").best
    assert best is not None
    assert best.latency[limit.source].ms <= 1.0
    predictor = Predictor(narrow, resolution=16, num_classes=10)
    assert not narrow.beyond(predictor.kernels(predictor.lowered(best.structure)))


@pytest.mark.parametrize("proxy", ["mean_field", RANKS])
def test_a_search_that_is_killed_ends_the_same(tmp_path: Path, proxy: str) -> None:
    options = ["--budget-params", "60k", "--max-layers", "10", "--proxy", proxy, "--iterations", "1500"]
    whole = zennas_apart(*options, "--save-dir", tmp_path / "whole")
    command = [sys.executable, "-m", "zennas", "search", *options, "--save-dir", str(tmp_path / "parts")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "parts" / FILE).exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert essence(zennas_apart("--resume", tmp_path / "parts")) == essence(whole)


def test_it_never_imports_torch(tmp_path: Path) -> None:
    code = f"""
import sys, zennas
zennas.search(**{SMALL!r}, save_dir={str(tmp_path / "run")!r})
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_score_and_correlate(run: Run, tmp_path: Path) -> None:
    texts = [f"SuperConvK3BNRELU(3,{width},1,1)BasicBlock({width},16,3,2)" for width in (8, 16, 24, 32)]
    code, out, _ = run("score", *texts, *MEAN, "--proxy", RANKS, "--json")
    assert code == 0
    assert "mean_field" in out
    assert json.loads(out)
    table = tmp_path / "table.csv"
    table.write_text("structure,accuracy\n" + "".join(f'"{text}",{60 + i}\n' for i, text in enumerate(texts)))
    code, out, err = run("correlate", "--table", str(table), "--space", "XXBL", "--sample", "4", *MEAN, "--json")
    assert code == 0, err
    assert "mean_field" in out
