"""Columns of numbers beside the accuracies, such as latencies and scores: in the table itself or in joined CSV files.

Files are joined by architecture. A file without a column of architectures is joined by its column `index`, which the
table must then have, too. Costs and scores are read only from the columns that are asked for. No torch.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from PlainNet.registry import nearest_names
from zennas.accuracy.tables.base import Floats, TableError
from zennas.accuracy.tables.columns import ARCHITECTURE_COLUMNS, architecture_column, table_text

INDEX_COLUMN = "index"


@dataclass(frozen=True, eq=False)
class Sheet:
    """A CSV file as text: the names of its columns, and its lines with as many cells each.

    numbers: the number of each line in the file.
    """

    path: Path
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]

    def position(self, name: str) -> int | None:
        """Return the position of the column of this name, ignoring case; None if there is none."""
        names = [column.casefold() for column in self.header]
        return names.index(name.casefold()) if name.casefold() in names else None

    @cached_property
    def by_architecture(self) -> dict[str, int] | None:
        """The place of each architecture among the lines; None without a column of architectures. Raises TableError."""
        column = architecture_column(self.header)
        return None if column is None else self._places(column)

    @cached_property
    def by_index(self) -> dict[str, int] | None:
        """The place of each index among the lines; None without a column `index`. Raises TableError."""
        column = self.position(INDEX_COLUMN)
        return None if column is None else self._places(column)

    def number(self, place: int, column: int) -> float:
        """Return the number in a cell; NaN if it is empty or not finite, as where a score failed.

        Raises TableError naming the line if it is not a number.
        """
        text = self.lines[place][column].strip()
        try:
            value = float(text or "nan")
        except ValueError:
            where = f"{self.path}, line {self.numbers[place]}"
            raise TableError(f"{where}: {self.header[column]} is {text[:80]!r}, expected a number") from None
        return value if np.isfinite(value) else float("nan")

    def _places(self, column: int) -> dict[str, int]:
        found: dict[str, int] = {}
        for place, line in enumerate(self.lines):
            key = line[column].strip()
            if key in found:
                first = self.numbers[found[key]]
                raise TableError(
                    f"{self.path}, line {self.numbers[place]} repeats {key[:120]!r} of line {first}, expected one line "
                    "per architecture"
                )
            found[key] = place
        return found


def read_sheet(path: Path) -> Sheet:
    """Read a CSV file, plain or gzip. Raises TableError if it cannot be read."""
    rows = csv.reader(io.StringIO(table_text(path)))
    try:
        header = tuple(name.strip() for name in next(rows, []))
        lines, numbers = [], []
        for number, row in enumerate(rows, start=2):
            if len(row) not in (0, len(header)):
                raise TableError(f"{path}, line {number} has {len(row)} cells, expected {len(header)}")
            if row:
                lines.append(tuple(row))
                numbers.append(number)
    except csv.Error as error:
        raise TableError(f"{path} is not a CSV file: {error}") from None
    if not lines:
        raise TableError(f"{path} has no line after its header")
    return Sheet(path, header, tuple(lines), tuple(numbers))


@dataclass(frozen=True, eq=False)
class Found:
    """A column: its full name, its file, and its values (n,), NaN for architectures that have none."""

    name: str
    file: str
    values: Floats


class Sheets:
    """The columns of a table and of the files joined to it, for some of its architectures.

    table: None if it is not a CSV file. Raises TableError if a file cannot be read or joined.
    """

    def __init__(self, table: Path | None, joined: Sequence[Path], architectures: Sequence[str]) -> None:
        own = None if table is None else read_sheet(table)
        self._sheets = [*([] if own is None else [own]), *map(read_sheet, joined)]
        self._places = [_joined(sheet, own, architectures) for sheet in self._sheets]

    def find(self, name: str, endings: Sequence[str] = ()) -> Found:
        """Return the column `name`, ignoring case; if there is none, `name` with one of the endings.

        Raises TableError if no file has it, if several have it, or if it has no number for these architectures.
        """
        for wanted in (name, *(f"{name}{ending}" for ending in endings)):
            have = [i for i, sheet in enumerate(self._sheets) if sheet.position(wanted) is not None]
            if len(have) > 1:
                files = " and ".join(str(self._sheets[i].path) for i in have)
                raise TableError(f"column {wanted} is in {files}, expected one file with it: join only one of them")
            if have:
                return self._found(have[0], wanted)
        raise TableError(self._miss(name))

    def _found(self, which: int, name: str) -> Found:
        sheet = self._sheets[which]
        column = sheet.position(name)
        assert column is not None
        if column == architecture_column(sheet.header):
            raise TableError(f"column {name} of {sheet.path} has the architectures, expected a column of numbers")
        values = np.array(
            [float("nan") if place is None else sheet.number(place, column) for place in self._places[which]]
        )
        if np.isnan(values).all():
            raise TableError(
                f"{sheet.path} has no {sheet.header[column]} for any of {len(values):,} architectures of the sample"
            )
        return Found(sheet.header[column], sheet.path.name, values)

    def _miss(self, name: str) -> str:
        columns = list(dict.fromkeys(column for sheet in self._sheets for column in sheet.header))
        near = nearest_names(name, columns)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        files = " or ".join(str(sheet.path) for sheet in self._sheets) or "the table, which is not a CSV file"
        return (
            f"there is no column {name[:80]!r} in {files} ({hint}columns: {', '.join(columns)[:400] or 'none'}); "
            "zennas correlate takes more files with --join FILE"
        )


def _joined(sheet: Sheet, own: Sheet | None, architectures: Sequence[str]) -> list[int | None]:
    """The place of each architecture among the lines of a file; None if it has no line. Raises TableError."""
    if sheet.by_architecture is not None:
        return [sheet.by_architecture.get(notation) for notation in architectures]
    if sheet.by_index is None:
        raise TableError(
            f"{sheet.path} has neither architectures nor {INDEX_COLUMN}, expected a column named "
            f"{', '.join(ARCHITECTURE_COLUMNS)} or {INDEX_COLUMN}; its columns are {', '.join(sheet.header)[:200]}"
        )
    column = None if own is None else own.position(INDEX_COLUMN)
    if own is None or own.by_architecture is None or column is None:
        raise TableError(
            f"{sheet.path} has no architectures and can only be joined by its column {INDEX_COLUMN}, which the table "
            "lacks"
        )
    indices = [own.lines[own.by_architecture[notation]][column].strip() for notation in architectures]
    return [sheet.by_index.get(index) for index in indices]
