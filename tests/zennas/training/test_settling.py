"""What the precision "auto" stands for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import zennas.training.settling as settling
from zennas.common.config import SETTINGS_FILE, ConfigError
from zennas.training.recipe import Recipe
from zennas.training.settling import settled

AUTO = Recipe()


@pytest.mark.parametrize("fast", [True, False])
def test_a_processor_that_multiplies_in_bfloat16_does(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "computes_bf16", lambda: fast)
    assert AUTO.precision == settling.AUTO
    assert settled(AUTO, "cpu") == replace(AUTO, precision="bf16" if fast else "fp32")
    assert settled(AUTO, "cuda").precision == "fp32"
    assert settled(replace(AUTO, quantise_aware=2), "cpu").precision == "fp32"
    for name in ("fp32", "bf16", "fp16"):
        asked = replace(AUTO, precision=name)
        assert settled(asked, "cpu") == asked


def test_a_training_that_has_begun_keeps_its_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "computes_bf16", lambda: True)
    assert settled(AUTO, "cpu", tmp_path).precision == "bf16"
    file = tmp_path / SETTINGS_FILE
    file.write_text('dataset = "digits"\n[recipe]\nprecision = "fp32"\n')
    assert settled(AUTO, "cpu", tmp_path).precision == "fp32"
    assert settled(replace(AUTO, precision="bf16"), "cpu", tmp_path).precision == "bf16"
    file.write_text("[recipe]\nepochs = 3\n")
    assert settled(AUTO, "cpu", tmp_path).precision == "bf16"
    file.write_text("[recipe\n")
    with pytest.raises(ConfigError, match=SETTINGS_FILE):
        settled(AUTO, "cpu", tmp_path)
