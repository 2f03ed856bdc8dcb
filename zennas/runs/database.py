"""The SQLite file of a run: opened, created, queried, and changed all or nothing.

Every error of SQLite becomes a StoreError that names the file and says what to do.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zennas.runs.errors import StoreError, write_failure
from zennas.runs.schema import FILE, FORMAT, READABLE, SCHEMA, SEARCH


class Database:
    """An open file of a run, with its facts.

    path: the file, for messages.
    connection: to change rows inside `transaction`.
    format: of the file, see `schema.py`.
    kind: the command that made the run, once it is known; messages need it when the file can no longer be read.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        self.format = FORMAT
        self.kind: str | None = None

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Return all rows at once, so that errors in the file are raised here. Raises StoreError if it is damaged."""
        try:
            return self.connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} is damaged, or not a run of zennas: {error}") from None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything inside or nothing. Raises StoreError, which says how to continue, if that fails."""
        try:
            with self.connection:
                yield
        except sqlite3.Error as error:
            raise write_failure(self.path, error, self.kind or SEARCH) from None

    def fact(self, name: str) -> Any:
        """Return a fact, or None. Raises StoreError if it is damaged."""
        found = self.rows("SELECT value FROM facts WHERE name = ?", (name,))
        try:
            return json.loads(found[0][0]) if found else None
        except (TypeError, ValueError) as error:
            raise StoreError(f"{self.path} is damaged: {name} is not JSON ({error})") from None

    def put_facts(self, facts: dict[str, Any]) -> None:
        """Set facts, inside a transaction."""
        rows = [(name, json.dumps(value)) for name, value in facts.items()]
        self.connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    def check_format(self) -> None:
        """Read the format. Raises StoreError, and closes the file, if this version does not know it."""
        try:
            found = self.fact("format")
        except StoreError:
            self.close()
            raise
        if found not in READABLE:
            self.close()
            known = ", ".join(map(str, READABLE))
            raise StoreError(f"{self.path} has format {found}, but this version reads {known}")
        self.format = found

    def close(self) -> None:
        self.connection.close()


def open_database(folder: Path, write: bool) -> Database:
    """Open the file of the run in `folder`. Raises StoreError if it is damaged or of an unknown format."""
    path = folder / FILE
    found = Database(path, _for_writing(path) if write else _connect(path))
    found.check_format()
    return found


def create_database(folder: Path, facts: dict[str, Any]) -> Database:
    """Create the file of a run in `folder`, with these facts and its format, for writing. Raises StoreError."""
    path = folder / FILE
    # Created under another name, so that an interrupted creation does not leave a broken run.
    draft = folder / f".{FILE}.new"
    try:
        _remove(draft)
        made = Database(path, _for_writing(draft))
        try:
            made.connection.executescript(SCHEMA)
            with made.transaction():
                made.put_facts({"format": FORMAT, **facts})
        finally:
            made.close()
        draft.rename(path)
        return Database(path, _for_writing(path))
    except (sqlite3.Error, OSError, StoreError) as error:
        _remove(draft)
        raise StoreError(f"{path} cannot be created: {error}") from None


def _remove(database: Path) -> None:
    """Remove a database and the files that SQLite creates next to it."""
    for end in ("", "-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path, timeout=10)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be opened: {error}") from None


def _for_writing(path: Path) -> sqlite3.Connection:
    connection = _connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # A power failure can lose the last checkpoint, but not the file.
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error as error:
        connection.close()
        # Errors of the system are OperationalErrors; errors in the content of the file are not.
        refused = isinstance(error, sqlite3.OperationalError)
        what = "cannot be written to" if refused else "is damaged, or not a run of zennas"
        raise StoreError(f"{path} {what}: {error}") from None
    return connection
