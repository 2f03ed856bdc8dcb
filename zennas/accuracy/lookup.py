"""Networks in a table: from the structure of a network to its line, and columns of numbers by line.

`FILE:COLUMN` names a column: FILE is a CSV file, plain or gzip, a file of NAS-Bench-101, or the name of a table that
comes with the package. Files of pickles are refused, because opening them can run code.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from PlainNet import Structure
from SearchSpace import CellSpace, SearchSpace, SearchSpaceError
from zennas.accuracy.tables import AccuracyTable, Column, TableError, is_csv, located, read
from zennas.accuracy.tables.base import Floats, UnknownColumnError
from zennas.accuracy.tables.csvfile import column_named, name_of
from zennas.accuracy.tables.nats_bench import looks_like_nats_bench
from zennas.accuracy.tables.sheets import Sheets, read_sheet


class ColumnName(NamedTuple):
    """A column of a file. file: a path, or the name of a table of the package. column: None if it is not named."""

    file: str
    column: str | None

    def __str__(self) -> str:
        return self.file if self.column is None else f"{self.file}:{self.column}"


def column_name(text: str) -> ColumnName:
    """Read `FILE` or `FILE:COLUMN`. Raises TableError if there is no name of a file."""
    file, colon, column = text.rpartition(":")
    if not colon or located(text).exists():
        file, column = text, ""
    if not file:
        raise TableError(f"{text!r} names no table, expected FILE or FILE:COLUMN, like accuracy.csv:cifar10_val")
    return ColumnName(file, column or None)


def lasting(name: ColumnName) -> ColumnName:
    """Return the same column, named so that it is found from any folder."""
    place = located(name.file)
    return name if place.exists() and place != Path(name.file) else ColumnName(str(place.resolve()), name.column)


def table_digest(file: str) -> str:
    """Return a digest of the content of a table. Raises TableError if it cannot be read."""
    try:
        return sha256(located(file).read_bytes()).hexdigest()
    except OSError as error:
        raise TableError(f"table {file} cannot be read: {error.strerror or error}") from None


_LOOKED_AT = 100
"""Architectures of a table that are read to find out whether it is one of a space."""


class Lines:
    """The lines of architectures by structure.

    A network is found by the notation of its space; if the notation is not there, by an architecture that computes the
    same function, as `CellSpace.canonical` says, of which the first counts. In spaces without a notation, architectures
    are structure strings.
    """

    def __init__(self, space: SearchSpace, architectures: Sequence[str]) -> None:
        self._space, self.architectures = space, architectures
        self._by_notation = {notation: line for line, notation in enumerate(architectures)}
        self._known: dict[Structure, int | None] = {}

    def __len__(self) -> int:
        return len(self.architectures)

    def line(self, structure: Structure) -> int | None:
        """Return the line of a network, counted from 0; None if it is not among the architectures."""
        if structure not in self._known:
            self._known[structure] = self._find(structure)
        return self._known[structure]

    def _find(self, structure: Structure) -> int | None:
        space = self._space
        if not isinstance(space, CellSpace):
            return self._by_notation.get(str(structure))
        try:
            found = self._by_notation.get(space.write(structure))
            return self._by_function.get(space.canonical(structure)) if found is None else found
        except SearchSpaceError:
            return None

    @property
    def of_space(self) -> bool:
        """Whether one of the first architectures is of the space; true for spaces without a notation."""
        space, some = self._space, self.architectures[:_LOOKED_AT]
        return not isinstance(space, CellSpace) or any(_canonical(space, notation) is not None for notation in some)

    @cached_property
    def _by_function(self) -> dict[str, int]:
        """The first line of each function; architectures that are not of the space have none."""
        space, found = self._space, dict[str, int]()
        assert isinstance(space, CellSpace)
        for line, notation in enumerate(self.architectures):
            name = _canonical(space, notation)
            if name is not None:
                found.setdefault(name, line)
        return found


class Trained:
    """A table of accuracies, and the lines of the networks of a space.

    Raises TableError if the file cannot be read.
    """

    def __init__(self, file: str, space: SearchSpace) -> None:
        place = located(file)
        if place.is_dir() and not list(place.glob("*.pickle.pbz2")):
            raise TableError(f"{file} is a folder, expected the file of a table")
        if looks_like_nats_bench(place):
            raise TableError(
                f"{file} is a file of pickles, which can run code whenever the search is continued: write it as a CSV "
                "file with zennas.accuracy.tables.csvfile.write_csv"
            )
        self.table: AccuracyTable = read(place)
        self.lines = Lines(space, self.table.architectures)
        self._file = place
        self._joined: dict[ColumnName, Floats] = {}

    def column(self, name: str | None) -> tuple[str, Floats]:
        """Return the name of a column of accuracies and its values in percent, (lines,), NaN where there is none.

        name: None for the column of validation accuracies after the most epochs, if there is only one such data set, or
        for the only column. Raises TableError, listing the columns, if there is no such column.
        """
        columns = self.table.columns
        if name is not None:
            asked = column_named(name)
            same = [one for one in columns if asked is not None and _same(one, asked)]
            if not same:
                raise UnknownColumnError(f"{self._file} has no accuracies {name!r}; it has {self._names}")
            return name, columns[same[0]]
        most = max(column.epochs for column in columns)
        some = [one for one in columns if one.split == "val" and one.epochs == most and one.training is None]
        some = some if some else list(columns)
        if len(some) != 1:
            raise TableError(f"{self._file} has several columns of accuracies, name one as FILE:COLUMN: {self._names}")
        return name_of(some[0]), columns[some[0]]

    def joined(self, name: ColumnName) -> Floats:
        """Return a column of numbers of this table or of another CSV file, (lines,), NaN where there is none.

        The files are joined by architecture, or by `index`. Raises TableError if they cannot be.
        """
        if name not in self._joined:
            self._joined[name] = self._join(name)
        return self._joined[name]

    def _join(self, name: ColumnName) -> Floats:
        own, other = self._file if is_csv(self._file) else None, located(name.file)
        files = [] if own is not None and other == own else [other]
        return Sheets(own, files, self.lines.architectures).find(_named(name)).values

    @property
    def _names(self) -> str:
        return ", ".join(name_of(column) for column in self.table.columns if column.training is None)


def scored_lines(name: ColumnName, space: SearchSpace) -> tuple[Lines, Floats]:
    """Return the lines of a CSV file that has architectures, and a column of its numbers, (lines,).

    Raises TableError if it cannot be read, or has no architectures or no such column.
    """
    place = located(name.file)
    places = read_sheet(place).by_architecture
    if places is None:
        raise TableError(
            f"{place} has no column of architectures: name a file that has one, or join it by its column index to the "
            "table of --objective table:FILE"
        )
    lines = Lines(space, tuple(places))
    return lines, Sheets(place, [], lines.architectures).find(_named(name)).values


def finite(values: Floats, line: int | None) -> float | None:
    """Return the value of a line; None if there is no line or no value."""
    if line is None:
        return None
    value = float(values[line])
    return value if np.isfinite(value) else None


def _canonical(space: CellSpace, notation: str) -> str | None:
    """The name of what an architecture computes; None if it is not one of the space."""
    try:
        return space.canonical(space.read(notation))
    except SearchSpaceError:
        return None


def _named(name: ColumnName) -> str:
    if name.column is None:
        raise TableError(f"{name.file} is named without a column: expected FILE:COLUMN")
    return name.column


def _same(there: Column, asked: Column) -> bool:
    return (there.dataset.casefold(), there.split, there.epochs, there.training) == (
        asked.dataset.casefold(),
        asked.split,
        asked.epochs,
        asked.training,
    )
