"""Budgets of latency: how they are given, and those that cannot be kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latency.base import UnavailableError
from latency.predicting.profile import ProfileError
from PlainNet.registry import UnknownNameError
from zennas.budget.budgets import Budget, BudgetError, LatencyLimit
from zennas.budget.sources import latency_limits
from zennas.common.errors import WrongSettingError
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings

from .latency_searches import settings


def test_budgets_and_back_ends_are_paired() -> None:
    assert latency_limits(None, None) == latency_limits([], []) == ()
    assert latency_limits(0.3, None) == (LatencyLimit(0.3, "predictor:v100-pytorch-fp16"),)
    assert latency_limits([1, 2.5], ["torch", "predictor:a"], 8) == (
        LatencyLimit(1.0, "torch", 8),
        LatencyLimit(2.5, "predictor:a", 8),
    )
    wrong: list[tuple[object, object, int | None]] = [
        ([1, 2], None, None),
        ([1, 2], ["torch"], None),
        (None, "torch", None),
        (0, None, None),
        (float("nan"), None, None),
        ("fast", None, None),
        (None, None, 8),
        (1, None, 0),
        ([1, 2], ["torch", "torch"], None),
    ]
    for ms, sources, batch in wrong:
        with pytest.raises(WrongSettingError, match=r"expected|latency budget"):
            latency_limits(ms, sources, batch)  # type: ignore[arg-type]
    for limit in ({"ms": 0}, {"ms": -1.0}, {"ms": 1, "batch_size": 0}):
        with pytest.raises(BudgetError, match="expected"):
            LatencyLimit(**limit)  # type: ignore[arg-type]
    with pytest.raises(BudgetError, match="expected one"):
        Budget(latency=(LatencyLimit(1), LatencyLimit(2)))


def test_settings_with_latencies_survive_json(abacus: str) -> None:
    chosen = settings(LatencyLimit(0.05, abacus), LatencyLimit(12, "torch:fp32", 4))
    assert SearchSettings.from_json(json.loads(json.dumps(chosen.to_json()))) == chosen


def test_an_unreachable_budget_says_how_far_it_is(tmp_path: Path, abacus: str, slate: str) -> None:
    found = r"latency ≤ 1e-06 ms \(abacus\) \(the smallest found has 0\.\d+ ms\); [\d,]+ mutations tried$"
    with pytest.raises(BudgetError, match=found):
        start(tmp_path / "run", settings(LatencyLimit(1e-6, abacus), LatencyLimit(10, slate)))
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_leaves_nothing_behind(tmp_path: Path, abacus: str) -> None:
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    cases: list[tuple[str, type[Exception], str]] = [
        ("predictor:abacos", ProfileError, "no latency profile 'abacos'"),
        (f"predictor:{tmp_path / 'broken.json'}", ProfileError, "cannot be read"),
        ("onxruntime", WrongSettingError, r"did you mean onnxruntime\?.*predictor:PROFILE"),
        ("v100-pytorch-fp16", WrongSettingError, "for a prediction use predictor:PROFILE"),
        ("torch:fp7", WrongSettingError, "has no fp7, expected"),
        ("torch:fp32:cuda:99", UnavailableError, "cannot be measured here"),
    ]
    for source, error, message in cases:
        with pytest.raises(error, match=message) as caught:
            start(tmp_path / "run", settings(LatencyLimit(1, source)))
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "run").exists()
    assert not issubclass(UnknownNameError, WrongSettingError)  # both are usage, see cli/errors.py
