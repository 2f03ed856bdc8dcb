"""Events for TensorBoard, with the package's writer and without it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from latency.base import UnavailableError
from zennas.training.history import Epoch
from zennas.training.logs import FOLDER, watched
from zennas.training.loop import NoWatcher

DONE = Epoch(1, 0.1, 2.0, 30.0, 40.0, 90.0, 1.0, 100.0)


class Seen(NoWatcher):
    def __init__(self) -> None:
        self.steps: list[int] = []

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        self.steps.append(step)


def test_without_it_nothing_changes(tmp_path: Path) -> None:
    watcher = Seen()
    with watched(watcher, tmp_path, tensorboard=False) as told:
        assert told is watcher
    assert not list(tmp_path.iterdir())


def test_steps_and_epochs_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path / FOLDER)

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

        def close(self) -> None:
            written.append(("closed", 0, 0))

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    watcher = Seen()
    with watched(watcher, tmp_path, tensorboard=True) as told:
        told.step(2, 3, 10, 1.5)
        told.epoch(DONE)
    assert watcher.steps == [3]
    assert ("loss", 1.5, 13) in written
    assert ("epoch/test_top1", 40.0, 1) in written
    assert written[-1][0] == "closed"


def test_real_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    with watched(NoWatcher(), tmp_path, tensorboard=True) as told:
        told.epoch(DONE)
    assert list((tmp_path / FOLDER).iterdir())


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with (
        pytest.raises(UnavailableError, match=r"pip install 'zennas\[tensorboard\]'"),
        watched(NoWatcher(), tmp_path, tensorboard=True),
    ):
        pass
