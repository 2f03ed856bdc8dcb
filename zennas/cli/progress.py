"""Progress bars on standard error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from zennas.cli.errors import interruptible
from zennas.common.numbers import counted
from zennas.common.progress import WorkProgress
from zennas.named.card import CHECKPOINT_FILE
from zennas.runs.store import FILE
from zennas.searching.runner import Watcher
from zennas.searching.strategies.base import Progress as SearchProgress

if TYPE_CHECKING:
    from zennas.correlation.runner import Watcher as CorrelateWatcher
    from zennas.training.loop import Watcher as TrainingWatcher
    from zennas.training.state import Epoch

_ERRORS = Console(stderr=True)


def bar() -> Progress:
    """A progress bar with a text field `note`; nothing is drawn if standard error is not a terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=_ERRORS,
        disable=not _ERRORS.is_terminal,
    )


class _SearchBar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._evolving = progress.add_task("searching", total=None, note="")
        self._confirming = progress.add_task("confirming", total=None, note="", visible=False)
        self._measuring = progress.add_task("measuring", total=None, note="", visible=False)

    def searching(self, progress: SearchProgress, iterations: int, best: float | None) -> None:
        note = f"{progress.kept} kept" if best is None else f"best {best:.4g}, {progress.kept} kept"
        self._progress.update(self._evolving, completed=progress.tried, total=iterations, note=note)

    def confirming(self, done: int, total: int) -> None:
        self._progress.update(self._confirming, completed=done, total=total, note="by Monte Carlo", visible=True)

    def measuring(self, done: int, total: int) -> None:
        self._progress.update(self._measuring, completed=done, total=total, note="their latency", visible=True)


@contextmanager
def search_progress(folder: Path | None) -> Iterator[Watcher]:
    """A watcher that draws progress bars; if interrupted, the error says how to continue the search."""
    with interruptible(lambda: _how_to_go_on("search", folder)), bar() as progress:
        yield _SearchBar(progress)


def _how_to_go_on(command: str, folder: Path | None) -> str:
    if folder is None:
        return "; see: zennas runs"
    if not (folder / FILE).is_file():
        return " before the run started; nothing was written"
    return f"; continue with: zennas {command} --resume {folder}"


class _CorrelateBar:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._scoring = progress.add_task("scoring", total=None, note="")
        self._comparing = progress.add_task("comparing", total=None, note="", visible=False)

    def scoring(self, done: int, total: int, failed: int) -> None:
        note = f"{counted(failed, 'value')} failed" if failed else ""
        self._progress.update(self._scoring, completed=done, total=total, note=note)

    def comparing(self, done: int, total: int) -> None:
        self._progress.update(self._comparing, completed=done, total=total, visible=True)


@contextmanager
def correlate_progress(folder: Path | None) -> Iterator[CorrelateWatcher]:
    """A watcher that draws progress bars; if interrupted, the error says how to continue the correlation."""
    with interruptible(lambda: _how_to_go_on("correlate", folder)), bar() as progress:
        yield _CorrelateBar(progress)


class _TrainingBar:
    def __init__(self, progress: Progress, epochs: int, batch_size: int, quiet: bool) -> None:
        self._progress = progress
        self._epochs, self._batch_size = epochs, batch_size
        self._quiet = quiet
        self._task = progress.add_task("training", total=None, note="")
        self._looked: tuple[int, float] | None = None

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        done, now = (epoch - 1) * steps + step, time.monotonic()
        note = f"epoch {epoch}, loss {loss:.3f}"
        if self._looked is not None:
            speed = (done - self._looked[0]) * self._batch_size / max(now - self._looked[1], 1e-9)
            note += f", {speed:.0f} images/s"
        self._looked = done, now
        self._progress.update(self._task, completed=done, total=self._epochs * steps, note=note)

    def epoch(self, done: Epoch) -> None:
        if not self._quiet:
            _ERRORS.print(
                f"epoch {done.epoch}/{self._epochs}: loss {done.train_loss:.4f}, test top-1 {done.test_top1:.2f} %, "
                f"{done.images_per_second:.0f} images/s",
                highlight=False,
            )


@contextmanager
def training_progress(
    epochs: int, batch_size: int, folder: Path, quiet: bool, again: str | None = None
) -> Iterator[TrainingWatcher]:
    """A watcher that draws a progress bar, and prints one line per epoch unless `quiet`.

    If interrupted, the error says how to continue the training. again: the command for that; None for `zennas train`.
    """

    def advice() -> str:
        if not (folder / CHECKPOINT_FILE).is_file():
            return " before the first checkpoint; nothing was kept"
        return f"; continue with: {again or f'zennas train --resume {folder}'}"

    with interruptible(advice), bar() as progress:
        yield _TrainingBar(progress, epochs, batch_size, quiet)


@contextmanager
def counting_progress(what: str, advice: str) -> Iterator[WorkProgress]:
    """A progress bar that counts up to a total, with a note; if interrupted, the error ends with `advice`."""
    with interruptible(lambda: advice), bar() as progress:
        task = progress.add_task(what, total=None, note="")

        def progressed(done: int, total: int, note: str) -> None:
            progress.update(task, completed=done, total=total, note=note[:60])

        yield progressed
