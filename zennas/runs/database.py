"""The SQLite file of a run: created, queried, and changed all or nothing. `opening.py` connects to it.

Every error of SQLite becomes a StoreError that names the file and says what to do.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from PlainNet.errors import reason
from zennas.runs.errors import StoreError, write_failure
from zennas.runs.opening import DAMAGED, SIDES, connect_for_reading, connect_for_writing
from zennas.runs.schema import FILE, FORMAT, READABLE, SCHEMA, SEARCH

LOCKED_MS = 1000
"""How long closing waits for readers, in milliseconds, before it leaves the file in WAL mode."""


class Database:
    """An open file of a run, with its facts.

    path: the file, for messages.
    connection: to change rows inside `transaction`.
    writes: whether it was opened for writing.
    format: of the file, see `schema.py`.
    kind: the command that made the run, once it is known; messages need it when the file can no longer be read.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, writes: bool = True) -> None:
        self.path = path
        self.connection = connection
        self.writes = writes
        self.format = FORMAT
        self.kind: str | None = None

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Return all rows at once, so that errors in the file are raised here. Raises StoreError if it is damaged."""
        try:
            return self.connection.execute(query, values).fetchall()
        except DAMAGED as error:
            raise StoreError(f"{self.path} is damaged, or not a run of zennas: {reason(error)}") from None

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
            return json.loads(found[0][0], parse_constant=_refuse) if found else None
        except (TypeError, ValueError, RecursionError) as error:
            raise StoreError(f"{self.path} is damaged: {name} is not JSON ({error})") from None

    def put_facts(self, facts: dict[str, Any]) -> None:
        """Set facts, inside a transaction."""
        rows = [(name, json.dumps(value)) for name, value in facts.items()]
        self.connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    def read_format(self) -> None:
        """Read the format. Raises StoreError if this version does not know it."""
        found = self.fact("format")
        if isinstance(found, bool) or found not in READABLE:
            known = ", ".join(map(str, READABLE))
            raise StoreError(f"{self.path} has format {found}, but this version reads {known}")
        self.format = found

    def close(self) -> None:
        """Close the file. A file that was written to leaves WAL mode: whoever may read it can then read it alone, in
        folders that cannot be written to as well.
        """
        if self.writes:
            with suppress(sqlite3.Error):  # a reader is there, or the disk is full: readers cope with WAL files
                self.connection.execute(f"PRAGMA busy_timeout = {LOCKED_MS}")
                self.connection.execute("PRAGMA journal_mode = DELETE")
        self.connection.close()


def open_database(folder: Path, write: bool) -> Database:
    """Open the file of the run in `folder`. Raises StoreError if it is damaged, of an unknown format, or has other
    tables or contents than a run.
    """
    from zennas.runs.validation import check_content, check_tables

    path = folder / FILE
    found = Database(path, connect_for_writing(path) if write else connect_for_reading(path), write)
    try:
        check_tables(found)
        found.read_format()
        check_content(found)
    except StoreError:
        found.close()
        raise
    return found


def create_database(folder: Path, facts: dict[str, Any]) -> Database:
    """Create the file of a run in `folder`, with these facts and its format, for writing. Raises StoreError."""
    path = folder / FILE
    # Created under another name, so that an interrupted creation does not leave a broken run.
    draft = folder / f".{FILE}.new"
    try:
        _remove(draft)
        made = Database(path, connect_for_writing(draft))
        try:
            made.connection.executescript(SCHEMA)
            with made.transaction():
                made.put_facts({"format": FORMAT, **facts})
        finally:
            made.close()
        draft.rename(path)
        return Database(path, connect_for_writing(path))
    except (*DAMAGED, OSError, StoreError) as error:
        _remove(draft)
        what = str(getattr(error, "strerror", None) or error).replace(str(draft), str(path))
        raise StoreError(f"{path} cannot be created: {what}") from None


def _remove(database: Path) -> None:
    """Remove a database and the files that SQLite creates next to it."""
    for end in ("", *SIDES):
        database.with_name(database.name + end).unlink(missing_ok=True)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a number")
