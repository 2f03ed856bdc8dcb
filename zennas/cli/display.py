"""How far a task is: bars on a terminal; elsewhere, and in the log file, a line now and then.

A task consists of stages such as searching and confirming. A short task prints no lines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from zennas.cli import console
from zennas.common.text import printable

FIRST_SECONDS = 10.0
"""Time before the first line."""
SECONDS = 30.0
"""Time between lines. The beginning of a stage is told at once, if a line could have been printed before."""


class Display:
    """Shows stages. bars: None if standard error is no terminal. clock: the time in seconds."""

    def __init__(self, bars: Progress | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._clock = clock
        self._began = clock()
        self._told: float | None = None
        self._stage = ""

    def show(self, stage: str, done: int | None = None, total: int | None = None, note: str = "") -> None:
        """Show that `done` of `total` steps of a stage are done; None if that is not known yet."""
        if self._bars is not None:
            if stage not in self._tasks:
                self._tasks[stage] = self._bars.add_task(printable(stage), total=None, note="")
            self._bars.update(self._tasks[stage], completed=done, total=total, note=printable(note))
        if done is not None and self._due(stage):
            self._told, self._stage = self._clock(), stage
            self._tell(_line(stage, done, total, note))

    def _due(self, stage: str) -> bool:
        now = self._clock()
        if now - self._began < FIRST_SECONDS:
            return False
        return self._told is None or stage != self._stage or now - self._told >= SECONDS

    def _tell(self, line: str) -> None:
        if self._bars is None:
            console.tell(line)
        else:
            console.log(line)


def _line(stage: str, done: int, total: int | None, note: str) -> str:
    of = f"{done:,}" if total is None else f"{done:,} of {total:,}"
    return f"{stage}: {of}{f', {note}' if note else ''}"


@contextmanager
def display(stage: str) -> Iterator[Display]:
    """A display that begins with a stage whose length is not known yet."""
    if not console.ERRORS.is_terminal or console.quiet():
        yield Display(None)
        return
    with bars(console.ERRORS) as drawn:
        shown = Display(drawn)
        shown.show(stage)
        yield shown


def bars(terminal: Console) -> Progress:
    """Bars with a note each."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=terminal,
    )
