"""Searches that stay within what their latency profile has seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import zennas
from latency.predicting.predictor import Predictor
from latency.predicting.profile import OUTSIDE, load_profile
from PlainNet import Structure
from zennas.budget.budgets import Budget
from zennas.common.errors import WrongSettingError


def narrow(folder: Path) -> Path:
    """A profile that has seen no convolution with more than 96 channels."""
    stored = load_profile("v100-tensorrt-fp32").to_json()
    stored["ranges"]["conv"]["out_channels"] = [1, 96]
    path = folder / "narrow.json"
    path.write_text(json.dumps(stored))
    return path


def grade(path: Path, structure: Structure) -> str:
    ask = Predictor(load_profile(path), resolution=64, num_classes=10)
    return ask.profile.grade(ask.kernels(ask.lowered(structure)))


def test_a_search_within_its_profile_finds_nothing_outside(tmp_path: Path) -> None:
    path = narrow(tmp_path)
    grades = {}
    for within in (False, True):
        found = zennas.search(
            save_dir=tmp_path / str(within), within_profile=within, budget_latency_ms=0.05, max_layers=12,
            latency_backend=f"predictor:{path}", iterations=200, proxy="zen_expected", resolution=64, seed=3,
        )  # fmt: skip
        assert found.best is not None
        grades[within] = grade(path, found.best.structure)
        assert ("outside profile narrow" in found.counts["rejected"]) == within
        assert ("within the measured range" in str(found.settings.budget)) == within
        assert Budget.from_json(found.settings.budget.to_json()) == found.settings.budget
    assert grades[False] == OUTSIDE
    assert grades[True] != OUTSIDE


def test_it_needs_a_profile(tmp_path: Path) -> None:
    with pytest.raises(WrongSettingError, match="within_profile needs a latency that a profile predicts"):
        zennas.search(save_dir=tmp_path / "run", within_profile=True, budget_params=100_000)
    assert not (tmp_path / "run").exists()
    assert "within_profile" not in Budget(params=5).to_json()
