"""The record of a run: one SQLite file, which survives being killed at any moment.

A checkpoint is saved in one transaction, so the file always contains a consistent state of the search. The tables and
formats are in `schema.py`, the rows of candidates and scores in `tables.py`, the connections to the file in
`opening.py`, what is checked on opening in `validation.py`, and the lock of the folder in `lock.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from PlainNet import Cost
from zennas.runs import tables
from zennas.runs.candidate import Candidate, Latency, Measure
from zennas.runs.database import Database, create_database, open_database
from zennas.runs.errors import RunInUseError, StoreError, reading, write_failure
from zennas.runs.lock import LOCK, in_use, leave_lock, take_lock
from zennas.runs.schema import FAILED, FILE, SEARCH
from zennas.runs.tables import Scoring

__all__ = [
    "FAILED",
    "FILE",
    "LOCK",
    "SEARCH",
    "RunInUseError",
    "Scoring",
    "Store",
    "StoreError",
    "in_use",
    "leave_lock",
    "reading",
    "take_lock",
    "write_failure",
]


class Store:
    """The file of a run, open for reading, or for writing by one process at a time.

    `Store.create` and `Store.open` take the lock. A store from `Store.read` has no lock and must not be written to.
    Reading raises StoreError if the file is damaged; writing raises it if the file cannot be written to.
    """

    def __init__(self, folder: Path, database: Database, lock: IO[bytes] | None) -> None:
        self.folder = folder
        self._db = database
        self._lock = lock

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
        try:
            if (folder / FILE).exists():
                raise StoreError(
                    f"{folder} already contains a run: continue it with --resume {folder}, or choose another folder"
                )
            return cls(folder, create_database(folder, facts), lock)
        except StoreError:
            lock.close()
            raise

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Open the run in `folder` to continue it. Raises StoreError if there is none, and RunInUseError if it is in
        use.
        """
        _require(folder)
        lock = take_lock(folder)
        try:
            return cls(folder, open_database(folder, write=True), lock)
        except StoreError:
            lock.close()
            raise

    @classmethod
    def read(cls, folder: Path) -> Store:
        """Open the run in `folder` for reading, even while another process writes it. Raises StoreError if there is
        none.
        """
        _require(folder)
        return cls(folder, open_database(folder, write=False), None)

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
        if self._db.kind is None:
            self._db.kind = str(self.get("kind") or SEARCH)
        return self._db.kind

    def require_kind(self, kind: str) -> None:
        """Raise StoreError if the run was made by another command."""
        if self.kind != kind:
            raise StoreError(f"{self.folder} contains a run of zennas {self.kind}, expected a run of zennas {kind}")

    def get(self, name: str) -> Any:
        """Return a fact, or None. Raises StoreError if it is damaged."""
        return self._db.fact(name)

    def put(self, facts: dict[str, Any]) -> None:
        """Set facts, all or none of them."""
        with self._db.transaction():
            self._db.put_facts(facts)

    # -- candidates --------------------------------------------------------------------------

    def checkpoint(self, state: dict[str, Any], changes: Iterable[Candidate], facts: dict[str, Any]) -> None:
        """Save the state of the search and the candidates that changed since the last checkpoint, in one go."""
        self.put_candidates(changes, {"state": state, **facts})

    def put_candidates(self, candidates: Iterable[Candidate], facts: dict[str, Any]) -> None:
        """Save candidates and facts in one transaction. Of several versions of a candidate, the last is saved."""
        with self._db.transaction():
            tables.write_candidates(self._db, candidates)
            self._db.put_facts(facts)

    def candidates(self, ids: Iterable[int] | None = None) -> list[Candidate]:
        """Return all candidates, or those with the given ids, ordered by id."""
        return tables.read_candidates(self._db, ids)

    def costs(self) -> list[Cost]:
        """Return the costs of all candidates, ordered by id; faster than reading the candidates."""
        return tables.read_costs(self._db)

    def count_members(self) -> int:
        """Return how many candidates have ever been members of the population."""
        return tables.count_members(self._db)

    def failures(self) -> dict[str, int]:
        """Return the errors of failed candidates, and how often each occurred."""
        return tables.read_failures(self._db)

    def add_failure(self, number: int, error: str) -> None:
        """Store why the candidate with this id could not be scored again."""
        with self._db.transaction():
            tables.write_error(self._db, number, error)

    # -- measures and latencies --------------------------------------------------------------

    def add_measures(self, number: int, measures: Mapping[str, Measure]) -> None:
        """Store scores of the candidate with this id."""
        with self._db.transaction():
            tables.write_measures(self._db, [(number, measures)])

    def measured(self, name: str) -> list[int]:
        """Return the ids of the candidates that have the measure `name`, highest value first."""
        return tables.read_measured(self._db, name)

    def add_latencies(self, number: int, latencies: Mapping[str, Latency], facts: dict[str, Any]) -> None:
        """Store latencies, by source, of the candidate with this id, and facts, in one transaction."""
        with self._db.transaction():
            tables.write_latencies(self._db, [(number, latencies)])
            self._db.put_facts(facts)

    # -- scores ------------------------------------------------------------------------------

    def add_scores(self, scores: Iterable[Scoring], facts: dict[str, Any]) -> None:
        """Store scorings and facts in one transaction."""
        with self._db.transaction():
            tables.write_scores(self._db, scores)
            self._db.put_facts(facts)

    def count_scores(self) -> int:
        return tables.count_scores(self._db)

    def scores(self) -> list[Scoring]:
        """Return all scorings, in no particular order."""
        return tables.read_scores(self._db)


def _require(folder: Path) -> None:
    try:
        found = (folder / FILE).is_file()
    except OSError as error:
        raise StoreError(f"{folder} cannot be read: {error.strerror}") from None
    if not found:
        raise StoreError(f"{folder} contains no run ({FILE} is missing)")
