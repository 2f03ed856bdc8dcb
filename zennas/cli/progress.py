"""Progress of long commands, on standard error and in the log file.

What is needed only when a command is interrupted is imported then: no command waits for the imports of others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from zennas.cli.console import tell
from zennas.cli.display import Display, display
from zennas.cli.errors import interruptible
from zennas.common.numbers import counted
from zennas.common.progress import WorkProgress
from zennas.runs.store import FILE
from zennas.searching.runner import Watcher
from zennas.searching.simulations.courses import is_simulation
from zennas.searching.strategies.base import Progress as SearchProgress

if TYPE_CHECKING:
    from zennas.correlation.runner import Watcher as CorrelateWatcher
    from zennas.searching.settings import SearchSettings
    from zennas.training.history import Epoch
    from zennas.training.loop import Watcher as TrainingWatcher


class SearchStages:
    def __init__(self, shown: Display) -> None:
        self._shown = shown

    def beginning(self, done: int, total: int, note: str) -> None:
        self._shown.show("looking for a network within the budget", done, total, note)

    def searching(self, progress: SearchProgress, settings: SearchSettings, best: float | None) -> None:
        note = f"{progress.kept} kept" if best is None else f"best {best:.4g}, {progress.kept} kept"
        if settings.budget_evaluations is None:
            self._shown.show("searching", progress.tried, settings.iterations, note)
        else:  # which end the search, as a rule, long before all iterations have been used
            self._shown.show(
                "searching", progress.scored, settings.budget_evaluations, f"{note}, {progress.tried:,} tried"
            )

    def confirming(self, done: int, total: int) -> None:
        self._shown.show("confirming", done, total, "evaluations at most")

    def measuring(self, done: int, total: int) -> None:
        self._shown.show("measuring", done, total, "their latency")


@contextmanager
def search_progress(folder: Path | None, command: str = "search") -> Iterator[Watcher]:
    """A watcher that shows the progress; if interrupted, the error says how to continue the search."""
    with interruptible(lambda: _how_to_go_on(command, folder)), display("searching") as shown:
        yield SearchStages(shown)


def _how_to_go_on(command: str, folder: Path | None) -> str:
    if folder is None:
        return "; see: zennas runs"
    if not (folder / FILE).is_file() and not is_simulation(folder):
        return " before the run started; nothing was written"
    return f"; continue with: zennas {command} --resume {folder}"


class _CorrelateStages:
    def __init__(self, shown: Display) -> None:
        self._shown = shown

    def scoring(self, done: int, total: int, failed: int) -> None:
        self._shown.show("scoring", done, total, f"{counted(failed, 'value')} failed" if failed else "")

    def comparing(self, done: int, total: int) -> None:
        self._shown.show("comparing", done, total)


@contextmanager
def correlate_progress(folder: Path | None) -> Iterator[CorrelateWatcher]:
    """A watcher that shows the progress; if interrupted, the error says how to continue the correlation."""
    with interruptible(lambda: _how_to_go_on("correlate", folder)), display("scoring") as shown:
        yield _CorrelateStages(shown)


class TrainingStages:
    def __init__(self, shown: Display, epochs: int, batch_size: int, quiet: bool) -> None:
        self._shown = shown
        self._epochs, self._batch_size = epochs, batch_size
        self._quiet = quiet
        self._looked: tuple[int, float] | None = None

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        done, now = (epoch - 1) * steps + step, time.monotonic()
        note = f"epoch {epoch}, loss {loss:.3f}"
        if self._looked is not None:
            speed = (done - self._looked[0]) * self._batch_size / max(now - self._looked[1], 1e-9)
            note += f", {speed:.0f} images/s"
        self._looked = done, now
        self._shown.show("training", done, max(self._epochs, epoch) * steps, note)  # a design only expects some

    def epoch(self, done: Epoch) -> None:
        if not self._quiet:
            tell(
                f"epoch {done.epoch}/{self._epochs}: loss {done.train_loss:.4f}, test top-1 {done.test_top1:.2f} %, "
                f"{done.images_per_second:.0f} images/s"
            )


@contextmanager
def training_progress(
    epochs: int, batch_size: int, folder: Path, quiet: bool, again: str | None = None
) -> Iterator[TrainingWatcher]:
    """A watcher that shows the progress, and prints one line per epoch unless `quiet`.

    If interrupted, the error says how to continue the training. again: the command for that; None for `zennas train`.
    """

    def advice() -> str:
        from zennas.named.card import CHECKPOINT_FILE

        if not (folder / CHECKPOINT_FILE).is_file():
            return " before the first checkpoint; nothing was kept"
        return f"; continue with: {again or f'zennas train --resume {folder}'}"

    with interruptible(advice), display("training") as shown:
        yield TrainingStages(shown, epochs, batch_size, quiet)


@contextmanager
def counting_progress(what: str, advice: str) -> Iterator[WorkProgress]:
    """Progress that counts up to a total, with a note; if interrupted, the error ends with `advice`."""
    with interruptible(lambda: advice), display(what) as shown:

        def progressed(done: int, total: int, note: str) -> None:
            shown.show(what, done, total, note[:60])

        yield progressed


@contextmanager
def discover_progress(folder: Path) -> Iterator[tuple[WorkProgress, WorkProgress]]:
    """Callbacks for the statistics and for the generations of a search for programs, which show them; if interrupted,
    the error says how to continue.
    """

    def how_to_go_on() -> str:
        from zennas.discovering.files import TASKS

        if not (folder / TASKS).is_file():
            return " before the run started; nothing was written"
        return f"; continue with: zennas discover --resume {folder}"

    with interruptible(how_to_go_on), display("collecting statistics") as shown:
        yield partial(shown.show, "collecting statistics"), partial(shown.show, "evolving")
