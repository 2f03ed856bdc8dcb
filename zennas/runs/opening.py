"""Connections to the SQLite file of a run: for the process that writes it, and for any number of readers.

Readers change nothing, and need no permission to write: neither the file nor its folder.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from pathlib import Path

from PlainNet.errors import reason
from zennas.runs.errors import StoreError
from zennas.runs.lock import in_use

SIDES = ("-wal", "-shm", "-journal")
"""Endings of the files that SQLite keeps next to its own."""
_WAL = 2
"""The 19th byte of a file in WAL mode."""

DAMAGED = (sqlite3.Error, UnicodeDecodeError)
"""What sqlite3 raises for a damaged file: its message may quote bytes that are no text."""


def connect_for_writing(path: Path) -> sqlite3.Connection:
    """Connect to the file, or create it. Raises StoreError if it cannot be written to."""
    _check_regular(path, ("", *SIDES))
    connection = _connected(path, "rwc")
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        # A power failure can lose the last checkpoint, but not the file.
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        connection.close()
        # Errors of the system are OperationalErrors; errors in the content of the file are not.
        refused = isinstance(error, sqlite3.OperationalError)
        what = "cannot be written to" if refused else "is damaged, or not a run of zennas"
        raise StoreError(f"{path} {what}: {reason(error)}") from None
    return connection


def connect_for_reading(path: Path) -> sqlite3.Connection:
    """Connect to the file, also while another process writes it. Raises StoreError if it cannot be read."""
    _check_regular(path, SIDES)
    log, journal = (path.with_name(path.name + end) for end in ("-wal", "-journal"))
    try:
        # SQLite would create files next to one in WAL mode, which nobody would remove.
        if _in_wal_mode(path) and not log.exists() and not in_use(path.parent):
            return _tried(path, "ro&immutable=1")
        return _tried(path, "ro")
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from None
    except sqlite3.OperationalError as error:
        try:
            if any(side.is_file() and side.stat().st_size for side in (log, journal)):
                return _copied(path)
            return _tried(path, "ro&immutable=1")
        except (OSError, *DAMAGED):
            raise StoreError(f"{path} cannot be read: {reason(error)}") from None
    except DAMAGED as error:
        raise StoreError(f"{path} is damaged, or not a run of zennas: {reason(error)}") from None


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", timeout=10, uri=True)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be opened: {reason(error)}") from None


def _tried(path: Path, mode: str) -> sqlite3.Connection:
    """A connection that has read something, because SQLite opens a file when it reads. Raises one of DAMAGED."""
    connection = _connected(path, mode)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
    except DAMAGED:
        connection.close()
        raise
    return connection


def _copied(path: Path) -> sqlite3.Connection:
    """The content of a killed run, in memory: where nothing can be written, SQLite cannot merge its log by itself."""
    with tempfile.TemporaryDirectory() as made:
        copy = Path(made) / path.name
        for end in ("", "-wal", "-journal"):
            if (side := path.with_name(path.name + end)).is_file():
                shutil.copyfile(side, copy.with_name(copy.name + end))
        source = sqlite3.connect(copy)
        try:
            memory = sqlite3.connect(":memory:")
            source.backup(memory)
            return memory
        finally:
            source.close()


def _in_wal_mode(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(20)[18:19] == bytes([_WAL])


def _check_regular(path: Path, ends: tuple[str, ...]) -> None:
    """Raise StoreError if one of the files is a link, a pipe or a device: SQLite would write to what it leads to."""
    for end in ends:
        place = path.with_name(path.name + end)
        try:
            mode = os.lstat(place).st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StoreError(f"{place} cannot be read: {error.strerror}") from None
        if not stat.S_ISREG(mode):
            raise StoreError(f"{place} is not a regular file: remove it, or replace it with the file that it leads to")
