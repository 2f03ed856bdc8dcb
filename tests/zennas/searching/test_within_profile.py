"""Searches that stay within what their latency profile has seen."""

from __future__ import annotations

from pathlib import Path

import pytest

import zennas
from latency.predicting.predictor import Predictor
from latency.predicting.profile import OUTSIDE, load_profile
from zennas.budget.budgets import Budget
from zennas.common.errors import WrongSettingError

PROFILE = "v100-tensorrt-fp32"
SEARCH = {
    "budget_latency_ms": 0.02,
    "latency_backend": f"predictor:{PROFILE}",
    "max_layers": 12,
    "iterations": 200,
    "proxy": "zen_expected",
    "resolution": 64,
    "seed": 3,
}


def grade(structure: object) -> str:
    ask = Predictor(load_profile(PROFILE), resolution=64, num_classes=10)
    return ask.profile.grade(ask.kernels(ask.lowered(structure)))  # type: ignore[arg-type]


def test_a_search_within_its_profile_finds_nothing_outside(tmp_path: Path) -> None:
    found = zennas.search(save_dir=tmp_path / "in", within_profile=True, **SEARCH)  # type: ignore[arg-type]
    assert found.best is not None
    assert found.confirmed
    assert all(grade(candidate.structure) != OUTSIDE for candidate in (found.best, *found.confirmed))
    assert "within the measured range" in str(found.settings.budget)
    assert Budget.from_json(found.settings.budget.to_json()) == found.settings.budget


def test_it_needs_a_profile(tmp_path: Path) -> None:
    with pytest.raises(WrongSettingError, match="within_profile needs a latency that a profile predicts"):
        zennas.search(save_dir=tmp_path / "run", within_profile=True, budget_params=100_000)
    assert not (tmp_path / "run").exists()
    assert "within_profile" not in Budget(params=5).to_json()
