"""Searches that score networks by programs from files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.zennas.conftest import Run
from zennas.common.errors import SettingsError, ZennasError
from zennas.runs.store import Store
from zennas.searching.preparing import completed
from zennas.searching.result import read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings

from .test_runs import SETTINGS

TEXT = 'program = "square(frobenius(pre_noise))"'
SMALL = replace(SETTINGS, proxy="program:mine.toml", strategy="random", strategy_options={}, iterations=3, resolution=8)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "mine.toml"
    found.write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return found


def unfinished(folder: Path) -> None:
    with Store.open(folder) as store:
        store.put({"status": "searching"})


@pytest.mark.long
def test_a_program_is_found_from_any_folder_and_must_not_change(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    start(folder, SMALL)
    name = f"program:{path}"
    result = read_result(folder)
    assert result.settings.proxy == name
    assert result.best is not None
    assert result.best.measures[name].value > 0
    monkeypatch.chdir("/")
    unfinished(folder)
    resume(folder)
    path.write_text(f"{TEXT}\nto_scalar = 'l2'")
    resume(folder)  # finished: nothing of it is needed any more
    unfinished(folder)
    with pytest.raises(SettingsError, match=r"program:.*mine\.toml has changed since the run"):
        resume(folder)
    path.unlink()
    with pytest.raises(ZennasError, match="neither a file nor a published program"):
        resume(folder)
    assert read_result(folder).settings.proxy == name


def test_every_setting_that_names_scores_is_completed(path: Path) -> None:
    name = f"program:{path}"
    own = "program:mine.toml"
    report = completed(replace(SMALL, proxy="zen", report=(own, "flops"), confirm_by=own))
    assert (report.proxy, report.report, report.confirm_by) == ("zen", (name, "flops"), name)
    ranks = completed(replace(SMALL, proxy=f"log_rank({own}+flops)"))
    assert ranks.proxy == f"log_rank({name}+flops)"
    goals = SearchSettings(
        objective="vector", strategy="nsga2", maximise=(own,), minimise=("params",), device="cpu", iterations=3
    )
    assert completed(goals).maximise == (name,)
    with pytest.raises(ZennasError, match="neither a file nor a published program 'other"):
        completed(replace(SMALL, proxy="program:other.toml"))


def test_zennas_score_and_wrong_names(path: Path, run: Run) -> None:
    structure = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,1,8,1)"
    flags = ("--resolution", "8", "--batch-size", "4", "--repeats", "2", "--device", "cpu", "--json")
    proxies = ("--proxy", "program:mine.toml", "--proxy", "program:topprog")
    code, out, _ = run("score", structure, *proxies, *flags)
    assert code == 0
    found = json.loads(out)
    assert found[f"program:{path}"] == found["program:topprog"]
    path.write_text('program = "frobenis(weight)"')
    code, _, err = run("score", structure, "--proxy", "program:mine.toml")
    assert code == 2
    assert "unknown operation 'frobenis' at character 1" in " ".join(err.split())
