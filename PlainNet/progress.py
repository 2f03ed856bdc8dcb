"""Who wants to know how far a long piece of work is: a bar on a screen, say."""

from __future__ import annotations

from typing import Protocol


class WorkProgress(Protocol):
    """Is called now and then with how much is done, of how much, and a few words on what is at hand."""

    def __call__(self, done: int, total: int, note: str, /) -> None: ...


def unwatched(done: int, total: int, note: str, /) -> None:
    """Nobody wants to know."""
