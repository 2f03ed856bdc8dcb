"""Callbacks that follow the progress of long tasks, for example to draw a progress bar."""

from __future__ import annotations

from typing import Protocol


class WorkProgress(Protocol):
    """Called now and then with the amount done, the total, and a note on the current step."""

    def __call__(self, done: int, total: int, note: str, /) -> None: ...


def unwatched(done: int, total: int, note: str, /) -> None:
    """Ignore the progress."""
