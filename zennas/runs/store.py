"""The record of a run: one SQLite file, which survives being killed at any moment.

Tables:
- `facts`: settings, environment, status and the state of the search, as JSON.
- `candidates`: every candidate that the strategy ever kept, and every failure; or the sample of a correlation.
- `measures`: the scores of candidates by name.
- `latencies`: one row for each candidate and device of the budget.
- `scores`: the scorings of a correlation, each with its value or its error.

A checkpoint is saved in one transaction, so the file always contains a consistent state of the search.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

from PlainNet import Cost
from PlainNet.grammar import read
from zennas.common.errors import ZennasError
from zennas.runs.before_measures import objective_before_measures
from zennas.runs.candidate import Candidate, Latency, Measure

LOCK = ".lock"
FILE = "run.sqlite"
SEARCH = "search"
"""The kind of runs that do not store one."""

_FORMAT = 4
_READABLE = (1, 2, 3, 4)
"""Format 1 only has searches, and no table `scores`. The table `latencies` was added in format 3. Before format 4 the
value of the objective was in a column `fitness`, see `before_measures.py`."""
_WITH_LATENCIES = 3
_WITH_MEASURES = 4

_COLUMNS = "id, structure, parent, iteration, seed, params, flops, activations, layers, status, error"

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE candidates (
    id INTEGER PRIMARY KEY, structure TEXT NOT NULL, parent INTEGER, iteration INTEGER NOT NULL, seed INTEGER NOT NULL,
    params INTEGER NOT NULL, flops INTEGER NOT NULL, activations INTEGER NOT NULL, layers INTEGER NOT NULL,
    status TEXT NOT NULL, error TEXT);
CREATE TABLE measures (
    candidate INTEGER NOT NULL, name TEXT NOT NULL, value REAL NOT NULL, low REAL, high REAL,
    PRIMARY KEY (candidate, name));
CREATE TABLE latencies (
    candidate INTEGER NOT NULL, source TEXT NOT NULL, predicted REAL, measured REAL, low REAL, high REAL, p90 REAL,
    settled INTEGER NOT NULL, PRIMARY KEY (candidate, source));
CREATE TABLE scores (
    candidate INTEGER NOT NULL, name TEXT NOT NULL, repeat INTEGER NOT NULL, value REAL, error TEXT,
    PRIMARY KEY (candidate, name, repeat));
"""


class Scoring(NamedTuple):
    """The result of scoring a candidate with a proxy for the `repeat`-th time: a value, or an error."""

    candidate: int
    name: str
    repeat: int
    value: float | None
    error: str | None


class StoreError(ZennasError, RuntimeError):
    """A run is missing, exists already, is in use, or cannot be read or written."""


class RunInUseError(StoreError):
    """The run is in use by another process."""


class Store:
    """The file of a run, open for reading, or for writing by one process at a time.

    `Store.create` and `Store.open` take the lock. A store from `Store.read` has no lock and must not be written to.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: IO[str] | None) -> None:
        self.folder = folder
        self._db = connection
        self._lock = lock
        self._kind: str | None = None  # kept for messages when the file can no longer be read
        self._format = _FORMAT

    # -- opening -----------------------------------------------------------------------------

    @classmethod
    def create(cls, folder: Path, facts: dict[str, Any]) -> Store:
        """Create a run in `folder`, and the folder if necessary. Raises StoreError if the folder contains a run
        already.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot create the folder {folder}: {error.strerror}") from None
        lock = take_lock(folder)
        if (folder / FILE).exists():
            lock.close()
            raise StoreError(
                f"{folder} already contains a run: continue it with --resume {folder}, or choose another folder"
            )
        # Created under another name, so that an interrupted creation does not leave a broken run.
        draft = folder / f".{FILE}.new"
        try:
            _remove(draft)
            with cls(folder, _for_writing(draft), None) as made:
                made._db.executescript(_SCHEMA)
                made.put({"format": _FORMAT, **facts})
            draft.rename(folder / FILE)
            return cls(folder, _for_writing(folder / FILE), lock)
        except (sqlite3.Error, OSError, StoreError) as error:
            _remove(draft)
            lock.close()
            raise StoreError(f"{folder / FILE} cannot be created: {error}") from None

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open the run in `folder` to continue it. Raises StoreError if there is none, and RunInUseError if it is in
        use.
        """
        _require(folder)
        lock = take_lock(folder)
        try:
            return cls(folder, _for_writing(folder / FILE), lock)._checked()
        except StoreError:
            lock.close()
            raise

    @classmethod
    def read(cls, folder: Path) -> Store:
        """Open the run in `folder` for reading, even while another process writes it. Raises StoreError if there is
        none.
        """
        _require(folder)
        return cls(folder, _connect(folder / FILE), None)._checked()

    def close(self) -> None:
        self._db.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- facts -------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """The command that made the run: "search" or "correlate"."""
        if self._kind is None:
            self._kind = str(self.get("kind") or SEARCH)
        return self._kind

    def require_kind(self, kind: str) -> None:
        """Raise StoreError if the run was made by another command."""
        if self.kind != kind:
            raise StoreError(f"{self.folder} contains a run of zennas {self.kind}, expected a run of zennas {kind}")

    def get(self, name: str) -> Any:
        """Return a fact, or None. Raises StoreError if it is damaged."""
        found = self._rows("SELECT value FROM facts WHERE name = ?", (name,))
        try:
            return json.loads(found[0][0]) if found else None
        except (TypeError, ValueError) as error:
            raise StoreError(f"{self.folder / FILE} is damaged: {name} is not JSON ({error})") from None

    def put(self, facts: dict[str, Any]) -> None:
        """Set facts, all or none of them."""
        with self._transaction():
            self._put(facts)

    def _put(self, facts: dict[str, Any]) -> None:
        rows = [(name, json.dumps(value)) for name, value in facts.items()]
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    # -- candidates --------------------------------------------------------------------------

    def checkpoint(self, state: dict[str, Any], changes: Iterable[Candidate], facts: dict[str, Any]) -> None:
        """Save the state of the search and the candidates that changed since the last checkpoint, in one go."""
        self.put_candidates(changes, {"state": state, **facts})

    def put_candidates(self, candidates: Iterable[Candidate], facts: dict[str, Any]) -> None:
        """Save candidates and facts in one transaction. Of several versions of a candidate, the last is saved."""
        candidates = list({candidate.id: candidate for candidate in candidates}.values())
        rows = [
            (
                c.id,
                str(c.structure),
                c.parent,
                c.iteration,
                c.seed,
                c.cost.params,
                c.cost.flops,
                c.cost.activations,
                c.cost.layers,
                c.status,
                c.error,
            )
            for c in candidates
        ]
        with self._transaction():
            marks = ",".join("?" * len(_COLUMNS.split(",")))
            self._db.executemany(f"INSERT OR REPLACE INTO candidates ({_COLUMNS}) VALUES ({marks})", rows)
            self._put_measures((c.id, c.measures) for c in candidates)
            for candidate in candidates:
                self._put_latencies(candidate.id, candidate.latency)
            self._put(facts)

    def add_latencies(self, number: int, latencies: Mapping[str, Latency], facts: dict[str, Any]) -> None:
        """Store latencies, by source, of the candidate with this id, and facts, in one transaction."""
        with self._transaction():
            self._put_latencies(number, latencies)
            self._put(facts)

    def _put_latencies(self, number: int, latencies: Mapping[str, Latency]) -> None:
        if latencies:
            self._db.executemany(
                "INSERT OR REPLACE INTO latencies VALUES (?,?,?,?,?,?,?,?)",
                [(number, source, *latency) for source, latency in latencies.items()],
            )

    def candidates(self, ids: Iterable[int] | None = None) -> list[Candidate]:
        """Return all candidates, or those with the given ids, ordered by id."""
        measures: dict[int, dict[str, Measure]] = self._old_measures()
        for number, name, value, low, high in self._rows("SELECT * FROM measures ORDER BY rowid"):
            measures.setdefault(number, {})[name] = Measure(value, low, high)
        latencies: dict[int, dict[str, Latency]] = {}
        for number, source, predicted, measured, low, high, p90, settled in self._latency_rows():
            found = Latency(predicted, measured, low, high, p90, bool(settled))
            latencies.setdefault(number, {})[source] = found
        if ids is None:
            rows = self._rows(f"SELECT {_COLUMNS} FROM candidates ORDER BY id")
        else:
            chosen = json.dumps(list(ids))  # a single parameter, for any number of ids
            wanted = "SELECT value FROM json_each(?)"
            rows = self._rows(f"SELECT {_COLUMNS} FROM candidates WHERE id IN ({wanted}) ORDER BY id", (chosen,))
        return [_candidate(row, measures, latencies) for row in rows]

    def _latency_rows(self) -> list[Any]:
        return self._rows("SELECT * FROM latencies") if self._format >= _WITH_LATENCIES else []

    def _old_measures(self) -> dict[int, dict[str, Measure]]:
        """The values of the objective in a run of an older format, as measures; empty for current formats."""
        if self._format >= _WITH_MEASURES:
            return {}
        rows = self._rows("SELECT id, fitness FROM candidates WHERE fitness IS NOT NULL")
        name, sign = objective_before_measures(self.get("settings"))
        return {number: {name: Measure(sign * value)} for number, value in rows}

    def measured(self, name: str) -> list[int]:
        """Return the ids of the candidates that have the measure `name`, highest value first."""
        rows = self._rows("SELECT candidate FROM measures WHERE name = ? ORDER BY value DESC, candidate", (name,))
        return [number for (number,) in rows]

    def count_members(self) -> int:
        """Return how many candidates have ever been members of the population."""
        return int(self._rows("SELECT COUNT(*) FROM candidates WHERE status IN ('member', 'dropped')")[0][0])

    def failures(self) -> dict[str, int]:
        """Return the errors of failed candidates, and how often each occurred."""
        return dict(self._rows("SELECT error, COUNT(*) FROM candidates WHERE error IS NOT NULL GROUP BY error"))

    def add_measures(self, number: int, measures: Mapping[str, Measure]) -> None:
        """Store scores of the candidate with this id."""
        with self._transaction():
            self._put_measures([(number, measures)])

    def _put_measures(self, measures: Iterable[tuple[int, Mapping[str, Measure]]]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO measures VALUES (?,?,?,?,?)",
            [(number, name, *measure) for number, named in measures for name, measure in named.items()],
        )

    def add_failure(self, number: int, error: str) -> None:
        """Store why the candidate with this id could not be scored again."""
        with self._transaction():
            self._db.execute("UPDATE candidates SET error = ? WHERE id = ?", (error, number))

    def costs(self) -> list[Cost]:
        """Return the costs of all candidates, ordered by id; faster than reading the candidates."""
        return [
            Cost(*row) for row in self._rows("SELECT params, flops, activations, layers FROM candidates ORDER BY id")
        ]

    # -- scores ------------------------------------------------------------------------------

    def add_scores(self, scores: Iterable[Scoring], facts: dict[str, Any]) -> None:
        """Store scorings and facts in one transaction."""
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO scores VALUES (?,?,?,?,?)", scores)
            self._put(facts)

    def count_scores(self) -> int:
        return int(self._rows("SELECT COUNT(*) FROM scores")[0][0])

    def scores(self) -> list[Scoring]:
        """Return all scorings, in no particular order."""
        return [Scoring(*row) for row in self._rows("SELECT candidate, name, repeat, value, error FROM scores")]

    # -- SQLite ------------------------------------------------------------------------------

    def _rows(self, query: str, values: tuple[object, ...] = ()) -> list[Any]:
        """All rows at once, so that errors in the file are raised here."""
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self.folder / FILE} is damaged, or not a run of zennas: {error}") from None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Write everything inside or nothing; an error says how to continue."""
        try:
            with self._db:
                yield
        except sqlite3.Error as error:
            raise write_failure(self.folder / FILE, error, self._kind or SEARCH) from None

    def _checked(self) -> Store:
        try:
            found = self.get("format")
        except StoreError:
            self.close()
            raise
        if found not in _READABLE:
            self.close()
            known = ", ".join(map(str, _READABLE))
            raise StoreError(f"{self.folder / FILE} has format {found}, but this version reads {known}")
        self._format = found
        return self


def _candidate(
    row: tuple[Any, ...], measures: dict[int, dict[str, Measure]], latencies: dict[int, dict[str, Latency]]
) -> Candidate:
    number, structure, parent, iteration, seed, params, flops, activations, layers, status, error = row
    return Candidate(
        id=number,
        structure=read(structure),
        parent=parent,
        cost=Cost(params, flops, activations, layers),
        iteration=iteration,
        seed=seed,
        status=status,
        error=error,
        measures=measures.get(number, {}),
        latency=latencies.get(number, {}),
    )


def write_failure(path: Path, error: Exception, kind: str = SEARCH) -> StoreError:
    """Return the error to raise if a file of a run cannot be written: what happened, and how to continue."""
    what = getattr(error, "strerror", None) or error
    again = f"free some space, then continue with: zennas {kind} --resume {path.parent}"
    return StoreError(f"{path} cannot be written to: {what}; {again}")


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


def _require(folder: Path) -> None:
    if not (folder / FILE).is_file():
        raise StoreError(f"{folder} contains no run ({FILE} is missing)")


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
        connection.execute(
            "PRAGMA synchronous = NORMAL"
        )  # a power failure can lose the last checkpoint, but not the file
    except sqlite3.Error as error:
        connection.close()
        # Errors of the system are OperationalErrors; errors in the content of the file are not.
        refused = isinstance(error, sqlite3.OperationalError)
        what = "cannot be written to" if refused else "is damaged, or not a run of zennas"
        raise StoreError(f"{path} {what}: {error}") from None
    return connection


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
