"""What is written of the progress of a search: its history, and events for TensorBoard. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PlainNet.files import write_text
from zennas.supernet.history import HISTORY_FILE, SEARCH, SearchEpoch, Watcher, history_text


class Events:
    """Passes on the progress, and writes it as events for TensorBoard."""

    def __init__(self, watcher: Watcher, writer: Any, warm_epochs: int) -> None:
        self._watcher, self._writer, self._warm = watcher, writer, warm_epochs

    def _before(self, phase: str) -> int:
        return self._warm if phase == SEARCH else 0

    def step(self, phase: str, epoch: int, step: int, steps: int, loss: float) -> None:
        self._writer.add_scalar("loss", loss, (self._before(phase) + epoch - 1) * steps + step)
        self._watcher.step(phase, epoch, step, steps, loss)

    def epoch(self, done: SearchEpoch) -> None:
        number = self._before(done.phase) + done.epoch
        scalars = {"entropy": done.entropy, "top1": done.top1, "valid_top1": done.valid_top1}
        scalars.update({f"expected/{name}": value for name, value in done.expected.items()})
        for name, value in scalars.items():
            if value is not None:
                self._writer.add_scalar(name, value, number)
        for key, shares in done.probabilities.items():
            self._writer.add_scalars(f"probabilities/{key}", {str(k): p for k, p in enumerate(shares)}, number)
        self._watcher.epoch(done)


class Keeping:
    """Passes on the progress, and writes the epochs to the history."""

    def __init__(self, watcher: Watcher, folder: Path) -> None:
        self._watcher, self._path = watcher, folder / HISTORY_FILE
        self.epochs: list[SearchEpoch] = []

    def step(self, phase: str, epoch: int, step: int, steps: int, loss: float) -> None:
        self._watcher.step(phase, epoch, step, steps, loss)

    def epoch(self, done: SearchEpoch) -> None:
        self.epochs.append(done)
        write_text(self._path, history_text(self.epochs))
        self._watcher.epoch(done)
