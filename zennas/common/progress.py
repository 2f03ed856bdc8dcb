"""Callbacks that follow the progress of long tasks."""

from __future__ import annotations

from typing import Protocol

from PlainNet.progress import WorkProgress, unwatched

__all__ = ["AccuracyProgress", "WorkProgress", "unwatched"]


class AccuracyProgress(Protocol):
    """Called now and then with the images done, their total, and top-1 so far in percent."""

    def __call__(self, done: int, total: int, top1: float, /) -> None: ...
