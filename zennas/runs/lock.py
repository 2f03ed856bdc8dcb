"""The lock of a run: one process at a time works in its folder."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO

from zennas.runs.errors import RunInUseError, StoreError

LOCK = ".lock"


def in_use(folder: Path) -> bool:
    """Return whether a process works on the run in `folder`, as far as can be seen."""
    import fcntl

    try:
        with (folder / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def take_lock(folder: Path) -> IO[str]:
    """Lock the folder for this process; the system releases the lock when the process ends, in whatever way."""
    path = folder / LOCK
    try:
        lock = path.open("a+")
    except OSError as error:
        raise StoreError(f"{folder} cannot be written to: {error.strerror}") from None
    try:
        _lock_exclusively(lock)
    except OSError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise RunInUseError(
            f"the run in {folder} is in use by process {owner}; wait until it ends, or stop it"
        ) from None
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _lock_exclusively(lock: IO[str]) -> None:
    """Raise OSError if another process holds the lock; a short test of the lock by `in_use` does not count."""
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        time.sleep(0.05)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
