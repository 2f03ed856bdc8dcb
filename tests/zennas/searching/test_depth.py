"""A search under latency alone has a limit of depth; budgets that bind nothing, or look wrong, are told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PlainNet import parse
from tests.zennas.conftest import Run
from zennas.budget.budgets import DEFAULT_LAYERS, Budget, BudgetError, LatencyLimit
from zennas.cli.options import unit_doubts
from zennas.common.errors import SettingsError
from zennas.searching.depth import with_depth_limit
from zennas.searching.result import read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings
from zennas.searching.telling.remarks import remarks

from .latency_searches import settings

DEEP = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,1,8,40)SuperConvK1BNRELU(16,32,1,1)"
COUNTS = [{"params": 10**6}, {"flops": 10**8}, {"layers": 50}, {"params": 10**6, "layers": 50}]


def under(limit: LatencyLimit, **changed: object) -> SearchSettings:
    """A search under latency alone."""
    return replace(settings(limit), budget=Budget(latency=(limit,)), **changed)  # type: ignore[arg-type]


def test_latency_alone_limits_depth(abacus: str, tmp_path: Path) -> None:
    chosen = under(LatencyLimit(1000.0, abacus), iterations=3000, proxy="zen_expected")
    start(tmp_path / "limited", chosen)
    result = read_result(tmp_path / "limited")
    assert result.settings.budget.layers == DEFAULT_LAYERS
    assert result.best is not None
    assert result.best.cost.layers == DEFAULT_LAYERS
    assert f"layers = {DEFAULT_LAYERS}" in (tmp_path / "limited" / "settings.toml").read_text()
    assert "--any-depth" in result.notes[0]
    assert result.to_json()["notes"] == list(result.notes)
    start(tmp_path / "deep", replace(chosen, iterations=1500, budget=replace(chosen.budget, any_depth=True)))
    deep = read_result(tmp_path / "deep")
    assert deep.best is not None
    assert deep.best.cost.layers > DEFAULT_LAYERS
    assert deep.settings.budget.any_depth
    assert not any("--any-depth" in note for note in deep.notes)


@pytest.mark.parametrize("module", ["admission", "judging"])
def test_what_could_not_be_built_is_not_admitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setattr(f"zennas.searching.{module}.MAX_WEIGHTS", 100_000)
    children = {"admission": 1, "judging": 64}[module]
    chosen = SearchSettings(budget=Budget(layers=9), iterations=400, proxy="params", top=1)
    start(tmp_path / "run", replace(chosen, strategy_options={"children": children}))
    result = read_result(tmp_path / "run")
    assert result.best is not None
    assert result.best.cost.params <= 100_000
    assert result.counts["rejected"]["broken"] > 0


def test_who_gets_the_limit(abacus: str) -> None:
    limit = LatencyLimit(1.0, abacus)
    assert with_depth_limit(under(limit)).budget.layers == DEFAULT_LAYERS
    assert with_depth_limit(under(limit, initial=DEEP)).budget.layers == 42
    for unchanged in (
        under(limit, search_space="nasbench201"),
        replace(under(limit), budget=Budget(latency=(limit,), any_depth=True)),
        *(replace(under(limit), budget=Budget(latency=(limit,), **counts)) for counts in COUNTS),
        *(replace(under(limit), budget=Budget(**counts)) for counts in COUNTS),
    ):
        assert with_depth_limit(unchanged) is unchanged
    assert with_depth_limit(with_depth_limit(under(limit))) == with_depth_limit(under(limit))


def test_a_run_goes_on_with_the_same_settings_only(abacus: str, tmp_path: Path) -> None:
    chosen = under(LatencyLimit(1.0, abacus), iterations=20)
    start(tmp_path, chosen)
    resume(tmp_path, expected=chosen)
    lifted = replace(chosen, budget=replace(chosen.budget, any_depth=True))
    with pytest.raises(SettingsError, match=f"layers {DEFAULT_LAYERS}, not none"):
        resume(tmp_path, expected=lifted)


def test_lifting_and_limiting_contradict_each_other() -> None:
    with pytest.raises(BudgetError, match="any_depth contradicts the limit of 9 layers"):
        Budget(layers=9, any_depth=True)
    with pytest.raises(BudgetError, match="any_depth is 1, expected True or False"):
        Budget(any_depth=1)  # type: ignore[arg-type]


def test_the_command_line(run: Run, abacus: str) -> None:
    options = ["--budget-latency-ms", "1000", "--latency-backend", abacus, "--iterations", "200", "--proxy", "params"]
    options += ["--resolution", "16", "--top", "1"]
    code, out, err = run("search", *options, "--save-dir", "mine")
    assert (code, err) == (0, "")
    assert f"layers ≤ {DEFAULT_LAYERS}" in out
    assert "lift it with --any-depth" in out
    assert "note: the budget latency ≤ 1000 ms (abacus) did not bind: the best has " in out
    code, out, _ = run("search", "--config", "mine/settings.toml", "--any-depth", "--json")
    found = json.loads(out)
    assert found["budget"]["any_depth"]
    assert "layers" not in found["budget"]
    assert sum("did not bind" in note for note in found["notes"]) == 1
    help_ = " ".join(run("search", "--help")[1].replace("│", " ").split())
    assert f"{DEFAULT_LAYERS} if only latency or RAM is limited" in help_
    assert "--any-depth" in help_
    code, _, err = run("search", *options, "--any-depth", "--max-layers", "9")
    assert code != 0
    assert "contradicts" in err


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(0, 3), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_what_is_far_below_a_limit_is_told(params: int, limit: int, rejected: int, ms: float, most: float) -> None:
    from PlainNet import Cost
    from zennas.runs.candidate import Candidate, Latency

    cost = Cost(params=params, flops=1, activations=1, layers=5)
    source = "predictor:x"
    best = Candidate(1, parse(DEEP), None, cost, 1, 0, latency={source: Latency(predicted=ms)})
    budget = Budget(params=limit, latency=(LatencyLimit(most, source),))
    found = remarks(budget, best, None, {"params": rejected})
    told = {what: any(line.startswith(f"the budget {what}") for line in found) for what in ("params", "latency")}
    assert told["params"] == (params / limit < (0.2 if rejected else 0.5))
    assert told["latency"] == (ms / most < 0.5)
    assert len(found) == sum(told.values())


def test_units_that_look_wrong(run: Run, abacus: str) -> None:
    assert unit_doubts([0.3, 5.0, 100.0], [1e-4, 1.2e-3, 0.02]) == []
    assert len(unit_doubts([3e-4], [0.3, 5.0])) == 3
    options = ["--latency-backend", abacus, "--iterations", "20", "--proxy", "params", "--max-layers", "9"]
    code, _, err = run("search", "--budget-latency", "0.3", *options)
    assert code == 0
    assert err == (
        "warning: --budget-latency 0.3 means 0.3 seconds, 300 ms for each image; "
        "for milliseconds use --budget-latency-ms 0.3\n"
    )
