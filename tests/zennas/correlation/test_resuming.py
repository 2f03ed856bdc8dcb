"""Correlations that are cut short, continued, or run by several processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zennas.common.errors import SettingsError
from zennas.correlation.overview import FINISHED, read_overview
from zennas.correlation.result import read_result
from zennas.correlation.runner import resume, start
from zennas.searching.executors.base import ExecutorSettings

from .conftest import ONE, CutShort, Interrupter, npz, scorings, tiny


@pytest.mark.long
def test_cut_short_and_resumed_is_the_same(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = tiny(table, seeds=2)
    start(tmp_path / "whole", chosen, executor=ONE)
    monkeypatch.setattr("zennas.correlation.runner.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("zennas.correlation.runner.WATCH_SECONDS", 0.0)
    folder = tmp_path / "parts"
    with pytest.raises(CutShort):
        start(folder, chosen, executor=ONE, watcher=Interrupter(4))
    before = scorings(folder)
    assert 0 < len(before) < len(scorings(tmp_path / "whole"))
    part = read_result(folder)
    assert (part.status, part.done < 5) == ("interrupted", True)
    assert part.row("naswot").count < 6
    for after in (3, 9, 2):
        with pytest.raises(CutShort):
            resume(folder, executor=ONE, watcher=Interrupter(after))
    resume(folder, executor=ONE)
    assert scorings(folder) == scorings(tmp_path / "whole")
    whole = read_result(tmp_path / "whole")
    assert read_result(folder).rows == whole.rows
    assert len(whole.row("snip").by_seed) == 2
    assert whole.row("zen_expected").by_seed == ()  # it is not random
    assert (folder / "scores.csv").read_text() == (tmp_path / "whole" / "scores.csv").read_text()
    resume(folder)  # finished: nothing happens
    assert read_overview(folder).status == FINISHED


@pytest.mark.long
def test_the_number_of_processes_decides_nothing(table: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        start(tmp_path / str(workers), tiny(table, seeds=2), executor=ExecutorSettings(workers=workers))
    assert scorings(tmp_path / "1") == scorings(tmp_path / "2")


def test_more_proxies_for_the_same_run(table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    start(folder, tiny(table, proxies=("params",)))
    assert scorings(folder) == []
    for proxies in (("naswot",), ("naswot", "snip")):
        resume(folder, ONE, expected=tiny(table, proxies=proxies))
        assert read_result(folder).row(proxies[-1]).count > 0
    assert {row[1] for row in scorings(folder)} == {"naswot", "snip"}
    with pytest.raises(SettingsError, match="was started with batch_size 4, not 5: choose another folder"):
        resume(folder, ONE, expected=tiny(table, batch_size=5))


def test_images_that_changed(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zennas.correlation.runner.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("zennas.correlation.runner.WATCH_SECONDS", 0.0)
    path = npz(tmp_path / "images.npz")
    with pytest.raises(CutShort):
        start(tmp_path / "run", tiny(table, data=str(path)), executor=ONE, watcher=Interrupter(3))
    npz(path, labels=np.arange(10)[::-1].copy())
    with pytest.raises(SettingsError, match=r"the images of .*images.npz have changed since the run"):
        resume(tmp_path / "run", executor=ONE)
