"""Who wants to know how far a long piece of work is."""

from __future__ import annotations

from typing import Protocol

from PlainNet.progress import WorkProgress, unwatched

__all__ = ["AccuracyProgress", "WorkProgress", "unwatched"]


class AccuracyProgress(Protocol):
    """Is called now and then with the images done, of how many, and top-1 so far in per cent."""

    def __call__(self, done: int, total: int, top1: float, /) -> None: ...
