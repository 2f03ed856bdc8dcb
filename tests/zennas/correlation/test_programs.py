"""Correlations of programs from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zennas.common.errors import SettingsError
from zennas.correlation.result import read_result
from zennas.correlation.runner import resume, start

from .conftest import ONE, scorings, tiny


@pytest.mark.long
def test_a_program_is_compared_and_must_not_change(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = tmp_path / "mine.toml", tmp_path / "other.toml"
    mine.write_text('program = "square(frobenius(pre_noise))"')
    other.write_text('program = "mean(log_abs(grad_weight_data))"')
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "run"
    start(
        folder,
        tiny(table, proxies=("program:mine.toml", "program:topprog", "mean_rank(program:mine.toml+params)")),
        ONE,
    )
    result = read_result(folder)
    name = f"program:{mine}"
    assert result.settings.proxies == (name, "program:topprog", f"mean_rank({name}+params)")
    np.testing.assert_array_equal(result.scores[name], result.scores["program:topprog"])
    assert result.row(name).count >= 4
    resume(folder, ONE, expected=tiny(table, proxies=("program:mine.toml", "program:other.toml")))
    before = scorings(folder)
    for path in (other, mine):
        path.write_text('program = "weight"')
        with pytest.raises(SettingsError, match=rf"program:.*{path.name} has changed since the run"):
            resume(folder, ONE, expected=tiny(table, proxies=(f"program:{path.name}",)))
    assert scorings(folder) == before
