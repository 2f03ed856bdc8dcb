"""Maximise the accuracy that a table has of each network: simulated training, `table:FILE[:COLUMN]`.

No network is trained; `docs/simulated-training.md` says what such a search is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from PlainNet import Structure, parse
from SearchSpace import load_space
from zennas.accuracy.lookup import ColumnName, Lines, Trained, column_name, finite, lasting, scored_lines
from zennas.accuracy.tables import TableError, located
from zennas.accuracy.tables.base import Floats
from zennas.common.errors import WrongSettingError
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.objectives.base import ObjectiveKind, register
from zennas.searching.settings import SearchSettings

NAME = "table"
PREFIX = f"{NAME}:"
ABSENT = "not in table"
"""Why a network is rejected that the table lacks."""


class TableAccuracy:
    """The accuracy of each network in a table, in percent.

    reported: the name of another column; the value that a network has there does not affect the search.
    seconds: the column with the duration of each training, if there is one.
    """

    name, relative, torch, per_cent = NAME, False, False, True

    def __init__(
        self, trained: Trained, column: str | None, reported: str | None, seconds: ColumnName | None = None
    ) -> None:
        self.trained = trained
        self.column, self._values = trained.column(column)
        self.measures: tuple[str, ...] = (self.column,)
        self.reported = reported
        self._reported = self._values if reported is None else trained.column(reported)[1]
        self._seconds = None if seconds is None else trained.joined(seconds)

    def absent(self, structure: Structure) -> str | None:
        """Return why a network cannot be measured; None if it can."""
        line = self.trained.lines.line(structure)
        columns = (self._values, self._reported, *(() if self._seconds is None else (self._seconds,)))
        return None if all(finite(values, line) is not None for values in columns) else ABSENT

    def measure(self, candidate: Candidate) -> dict[str, Measure]:
        return {self.column: Measure(self._value(candidate.structure, reported=False))}

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        name = self.column
        return [candidate.measures[name].value for candidate in candidates]

    def report(self, candidate: Candidate) -> dict[str, Measure]:
        """Return the value of the reported column by its name; empty without one."""
        if self.reported is None:
            return {}
        return {self.reported: Measure(self.reported_value(candidate.structure))}

    def reported_value(self, structure: Structure) -> float:
        """Return the value of the reported column, or of the column itself without one. Raises TableError."""
        return self._value(structure, reported=True)

    def seconds(self, structure: Structure) -> float:
        """Return how long the training of a network took; 0 if the table does not say. Raises TableError."""
        if self._seconds is None:
            return 0.0
        return self._found(self._seconds, "duration", structure)

    def _value(self, structure: Structure, reported: bool) -> float:
        name = (reported and self.reported) or self.column
        return self._found(self._reported if reported else self._values, name, structure)

    def _found(self, values: Floats, name: str, structure: Structure) -> float:
        found = finite(values, self.trained.lines.line(structure))
        if found is None:
            raise TableError(f"the table {self.trained.table.name} has no {name} of {str(structure)[:120]}")
        return found


def is_table(objective: str) -> bool:
    """Return whether the objective of a search is a table."""
    return objective.partition(":")[0].casefold() == NAME


def table_of(settings: SearchSettings) -> ColumnName:
    """Return the table that a search maximises. Raises WrongSettingError if none is named."""
    _, _, text = settings.objective.partition(":")
    if not text:
        raise WrongSettingError(f"the objective {NAME} names no file, expected {PREFIX}FILE or {PREFIX}FILE:COLUMN")
    return column_name(text)


def lasting_objective(settings: SearchSettings) -> str:
    """Return the objective with the path of its table, and with its column, so that it is found from any folder."""
    if not is_table(settings.objective):
        return settings.objective
    return f"{PREFIX}{lasting(table_of(settings))}"


def trained(file: str, search_space: str) -> Trained:
    """Return a table for the networks of a space; it is read once in each process, unless the file changes.

    Raises TableError if it cannot be read.
    """
    return _trained(file, search_space, *_about(file))


def scored(name: ColumnName, search_space: str) -> tuple[Lines, Floats]:
    """Return a column of a file that has architectures, see `accuracy.lookup.scored_lines`; read once as well."""
    return _scored(name, search_space, *_about(name.file))


def _about(file: str) -> tuple[int, int]:
    """What changes when a file does."""
    try:
        about = located(file).stat()
    except OSError as error:
        raise TableError(f"table {file} cannot be read: {error.strerror or error}") from None
    return about.st_mtime_ns, about.st_size


@lru_cache(maxsize=4)
def _trained(file: str, search_space: str, changed: int, size: int) -> Trained:
    return Trained(file, load_space(search_space))


@lru_cache(maxsize=4)
def _scored(name: ColumnName, search_space: str, changed: int, size: int) -> tuple[Lines, Floats]:
    return scored_lines(name, load_space(search_space))


def make(settings: SearchSettings) -> TableAccuracy:
    """Return the objective of `settings.objective`. Raises WrongSettingError, or TableError for a file or a column."""
    name = table_of(settings)
    found = trained(name.file, settings.search_space)
    if not found.lines.of_space:
        raise TableError(
            f"{name.file} has no architecture of {settings.search_space}, but {found.table.architectures[0][:80]!r}, "
            "for example: name the space of the table with --search-space"
        )
    column = settings.seconds_column
    seconds = None if column is None else ColumnName(name.file, column)
    return TableAccuracy(found, name.column, settings.report_column, seconds)


def _example(settings: SearchSettings) -> tuple[SearchSettings, list[Structure]]:
    chosen = replace(settings, objective=f"{PREFIX}small-cifar10", search_space="units")
    return chosen, [parse(one) for one in trained("small-cifar10", "units").table.architectures[:6]]


register(ObjectiveKind(NAME, "the accuracy of each network in a table, as if it had been trained", make, _example))
