"""`zennas search` with budgets of latency: its output and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.zennas.conftest import Run

from .latency_searches import Stopwatch, mine

OPTIONS = ["--max-layers", "9", "--resolution", "16", "--iterations", "200", "--population-size", "10"]
OPTIONS += ["--proxy", "flops"]


def test_the_command_line(run: Run, abacus: str, slate: str) -> None:
    budgets = ["--budget-latency-ms", "0.05", "--latency-backend", abacus]
    code, out, err = run("search", *OPTIONS, *budgets, "--save-dir", "mine")
    assert (code, err) == (0, "")
    assert "latency abacus: 0.0" in out
    assert "(budget: 0.05 ms per image at batch 1)" in out
    assert "predicted only: Abacus 3000 is not here" in out
    code, out, _ = run("runs", "mine")
    assert "latency ≤ 0.05 ms (abacus)" in out
    code, out, _ = run("runs", ".")
    assert "0.05 ms" in " ".join(out.split())
    seconds = ["--budget-latency", "5e-5", "--latency-backend", abacus]
    more = ["--budget-latency", "2.5e-4", "--latency-backend", slate, "--latency-batch-size", "2"]
    code, out, _ = run("search", *OPTIONS, *seconds, *more, "--json")
    assert [device["budget_ms"] for device in json.loads(out)["latency"]] == [0.05, 0.25]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget-latency-ms", "1", "--budget-latency-ms", "2"], "2 latency budgets and 0 latency back ends"),
        (["--latency-backend", "torch"], "0 latency budgets and 1 latency back ends"),
        (["--budget-latency-ms", "1", "--budget-latency", "1"], "both units are given"),
        (["--budget-latency-ms", "0"], "0 is out of range"),
        (["--budget-latency-ms", "fast"], "'fast' is not a number"),
        (["--budget-latency-ms", "1", "--latency-backend", "toch"], "unknown latency back end 'toch'"),
        (["--budget-latency-ms", "1", "--latency-backend", "torch:fp32:cuda:99"], "cannot be measured here"),
    ],
)
def test_wrong_use_is_told(run: Run, arguments: list[str], message: str) -> None:
    code, out, err = run("search", *OPTIONS, *arguments, "--save-dir", "mine")
    assert (code, out) == (2, "")
    assert message in " ".join(err.replace("│", " ").split())
    assert not Path("mine").exists()


def test_an_unknown_profile_is_told_in_a_line(run: Run) -> None:
    code, _, err = run("search", "--budget-latency-ms", "1", "--latency-backend", "predictor:v99", "--save-dir", "mine")
    assert code == 2
    assert err.startswith("error: no latency profile 'v99'")
    assert len(err.splitlines()) == 1
    assert not Path("mine").exists()


def test_measured_beside_predicted(run: Run, tmp_path: Path, stopwatch: Stopwatch) -> None:
    source = mine(tmp_path)
    code, out, _ = run("search", *OPTIONS, "--budget-latency-ms", "0.05", "--latency-backend", source, "--top", "2")
    assert code == 0
    assert "ms predicted, " in out
    assert "95 % interval" in out
    assert "mine measured" in " ".join(out.split())
    assert "1 (best)" in out or "2 (best)" in out
