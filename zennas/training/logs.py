"""TensorBoard logs of a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latency.base import UnavailableError

if TYPE_CHECKING:
    from zennas.training.history import Epoch
    from zennas.training.loop import Watcher

FOLDER = "tensorboard"


@contextmanager
def watched(watcher: Watcher, folder: Path, tensorboard: bool) -> Iterator[Watcher]:
    """Give the watcher; with `tensorboard`, one that also writes events to `folder`.

    Raises UnavailableError if tensorboard is not installed.
    """
    if not tensorboard:
        yield watcher
        return
    with events(folder) as writer:
        yield _Both(watcher, writer)


@contextmanager
def events(folder: Path) -> Iterator[Any]:
    """Give a writer of events for TensorBoard below `folder`. Raises UnavailableError if tensorboard is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UnavailableError("tensorboard is not installed: pip install 'zennas[tensorboard]'") from None
    writer = SummaryWriter(str(folder / FOLDER))
    try:
        yield writer
    finally:
        writer.close()


class _Both:
    def __init__(self, watcher: Watcher, writer: Any) -> None:
        self._watcher = watcher
        self._writer = writer

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        self._writer.add_scalar("loss", loss, (epoch - 1) * steps + step)
        self._watcher.step(epoch, step, steps, loss)

    def epoch(self, done: Epoch) -> None:
        for name, value in asdict(done).items():
            if name != "epoch":
                self._writer.add_scalar(f"epoch/{name}", value, done.epoch)
        self._watcher.epoch(done)
