"""Tables that lose nothing: names are never broken, and what does not fit is printed as one line per value.

A table is as wide as its contents. If that is too wide, columns move together, and titles and sentences are folded
between words; if that does not suffice, another form of the table is tried if it has one, and in the end each row
becomes a list of its values, which terminals of any width can show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len

from zennas.common.text import printable

GAPS = (2, 1)
"""Spaces between columns, if there is room and if there is not."""


@dataclass(frozen=True)
class Rows:
    """A table. right: columns of numbers. folded: columns of sentences, which may be broken between words.
    otherwise: the same as a narrower table, for where this one has no room.

    The first column names the row.
    """

    columns: tuple[str, ...]
    right: tuple[str, ...] = ()
    folded: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)
    bold: set[int] = field(default_factory=set)
    otherwise: Rows | None = None

    @property
    def titles(self) -> tuple[str, ...]:
        """The names of the columns as they are shown."""
        return tuple(map(printable, self.columns))

    def add_row(self, *cells: object, bold: bool = False) -> None:
        """Add a row with a cell for each column."""
        if bold:
            self.bold.add(len(self.rows))
        self.rows.append(tuple(printable(str(cell)) for cell in cells))


def lines_of(table: Rows, room: int | None) -> Iterator[tuple[str, bool]]:
    """Return the lines of a table that fits into `room` characters, if it can, and whether they are bold.

    room: None for no limit.
    """
    gap, widths = next(((gap, found) for gap in GAPS if (found := _widths(table, room, gap)) is not None), (0, None))
    if widths is None and table.otherwise is not None:
        yield from lines_of(table.otherwise, room)
        return
    rows = [(table.titles, True), *((row, i in table.bold) for i, row in enumerate(table.rows))]
    for cells, bold in rows:
        if widths is not None:
            yield from ((line, bold) for line in _aligned(table, cells, widths, gap))
        elif len(cells) == 2:
            yield f"{cells[0]}: {cells[1]}", bold
        elif cells is not rows[0][0]:
            yield from ((line, bold) for line in _listed(table.titles, cells))


def _widths(table: Rows, room: int | None, gap: int) -> list[int] | None:
    """The width of each column; None if the table cannot be made narrow enough."""
    columns = list(zip(table.titles, *table.rows, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    if room is None:
        return widths
    spare = room - gap * (len(widths) - 1) - sum(widths)
    least = [_least(cells, name in table.folded) for name, cells in zip(table.columns, columns, strict=True)]
    while spare < 0:  # the widest that can become narrower does, by one character at a time
        widest = max((i for i, width in enumerate(widths) if width > least[i]), key=lambda i: widths[i], default=None)
        if widest is None:
            return None
        widths[widest] -= 1
        spare += 1
    return widths


def _least(cells: Sequence[str], folded: bool) -> int:
    """The smallest width of a column: of the longest word of its title, and of its cells or the words in them."""
    title, *others = cells
    parts = [word for cell in others for word in cell.split(" ")] if folded else others
    return max(map(cell_len, (*title.split(" "), *parts)))


def _aligned(table: Rows, cells: Sequence[str], widths: Sequence[int], gap: int) -> Iterator[str]:
    folded = [_folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for i in range(max(map(len, folded))):
        line = ""
        for name, parts, width in zip(table.columns, folded, widths, strict=True):
            part = parts[i] if i < len(parts) else ""
            space = " " * (width - cell_len(part))
            line += (space + part if name in table.right else part + space) + " " * gap
        yield line.rstrip()


def _folded(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` characters, broken at spaces only."""
    if cell_len(text) <= width:
        return [text]
    lines: list[str] = []
    for word in text.split(" "):
        if lines and cell_len(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _listed(columns: Sequence[str], cells: Sequence[str]) -> list[str]:
    """The values of a row, one on each line; those of columns without a name belong to the column before."""
    found: list[str] = []
    for name, cell in zip(columns, cells, strict=True):
        if not found:
            found.append(f"{name}: {cell}")
        elif cell and name:
            found.append(f"  {name}: {cell}")
        elif cell:
            found[-1] += f" ({cell})"
    return found
