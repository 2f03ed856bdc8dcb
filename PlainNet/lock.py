"""The lock of a folder: one process at a time works in it.

The lock belongs to an open file, not to its name. A process that has locked a file therefore checks that the folder
still has this file: another one may have removed it in the meantime and let a third one in.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from PlainNet.errors import ZennasError

LOCK = ".lock"
_TRIES = 100
"""So often the file of the lock may be removed by others while this process takes it."""


class LockError(ZennasError, RuntimeError):
    """A folder cannot be locked."""


class FolderInUseError(LockError):
    """Another process works in the folder."""


def in_use(folder: Path) -> bool:
    """Return whether a process works in `folder`, as far as can be seen."""
    import fcntl

    try:
        with _opened(folder / LOCK, os.O_RDONLY) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (OSError, LockError):  # there is none, it cannot be read, or it is no lock
        return False
    return False


def take_lock(folder: Path, what: str = "the run") -> IO[bytes]:
    """Lock the folder for this process; the system releases the lock when the process ends, in whatever way.

    what: what the folder contains, for messages. Raises FolderInUseError if another process holds the lock, and
    LockError if the file cannot be written or is not a regular file; a link is not followed.
    """
    path = folder / LOCK
    for _ in range(_TRIES):
        try:
            lock = _opened(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise LockError(f"{folder} cannot be written to: {error.strerror}") from None
        try:
            _lock_exclusively(lock)
            if not _is_at(lock, path):
                lock.close()
                continue
            lock.truncate(0)
            lock.write(str(os.getpid()).encode())
        except BlockingIOError:
            owner = _owner(lock)
            lock.close()
            raise FolderInUseError(f"{what} in {folder} is in use by {owner}; wait until it ends, or stop it") from None
        except OSError as error:
            lock.close()
            raise LockError(f"{folder} cannot be locked: {error.strerror}") from None
        else:
            return lock
    raise LockError(f"{folder} cannot be locked: other processes keep removing {path}")


@contextmanager
def locked(folder: Path, what: str = "the run", take: Callable[[Path, str], IO[bytes]] = take_lock) -> Iterator[None]:
    """Create the folder and hold its lock. On leaving, the lock is removed, and the folder if it is empty.

    take: takes the lock. Raises LockError if the folder cannot be created, and what `take` raises.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LockError(f"cannot create the folder {folder}: {error.strerror}") from None
    try:
        lock = take(folder, what)
        try:
            yield
        finally:
            leave_lock(folder, lock)
    finally:
        with suppress(OSError):
            for place in made:
                place.rmdir()


def leave_lock(folder: Path, lock: IO[bytes]) -> None:
    """Remove the file of a lock that this process holds, and release it."""
    # Removed before it is released: a process that waits for it finds that the folder has another one, or none.
    with suppress(OSError):
        (folder / LOCK).unlink(missing_ok=True)
    lock.close()


def _opened(path: Path, flags: int) -> IO[bytes]:
    """Raises OSError if it cannot be opened, and LockError if it is not a file of its own."""
    try:
        # O_NONBLOCK: otherwise a pipe would wait for a writer.
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise LockError(f"{path} is not a regular file, so it cannot be a lock: remove it") from None
        raise
    lock = os.fdopen(handle, "rb" if flags == os.O_RDONLY else "r+b", buffering=0)
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        lock.close()
        raise LockError(f"{path} is not a regular file of its own, so it cannot be a lock: remove it")
    return lock


def _is_at(lock: IO[bytes], path: Path) -> bool:
    """Whether the name still leads to the open file."""
    try:
        return os.path.samestat(os.fstat(lock.fileno()), os.lstat(path))
    except FileNotFoundError:
        return False


def _owner(lock: IO[bytes]) -> str:
    """The process that holds the lock, as it has written into the file."""
    number = lock.read(20).decode(errors="replace").strip()
    return f"process {number}" if number.isascii() and number.isdigit() else "another process"


def _lock_exclusively(lock: IO[bytes]) -> None:
    """Raise BlockingIOError if another process holds the lock; a short test of the lock by `in_use` does not count."""
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.05)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
