"""The lock of a run's folder: `PlainNet/lock.py`, with the errors of runs."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from PlainNet import lock
from PlainNet.lock import LOCK, FolderInUseError, LockError, in_use, leave_lock
from zennas.runs.errors import RunInUseError, StoreError

__all__ = ["LOCK", "in_use", "leave_lock", "take_lock"]


def take_lock(folder: Path, what: str = "the run") -> IO[bytes]:
    """Lock the folder for this process, as `PlainNet.lock.take_lock` does. Raises RunInUseError or StoreError."""
    try:
        return lock.take_lock(folder, what)
    except FolderInUseError as error:
        raise RunInUseError(str(error)) from None
    except LockError as error:
        raise StoreError(str(error)) from None
