"""What a section of a page consists of, as plain data. All texts are shown as they are: `markup.py` escapes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from zennas.pages.charts import Chart
from zennas.pages.drawing import Networks
from zennas.pages.expressions import Expression


@dataclass(frozen=True)
class Text:
    """A paragraph. lead: set in large type. quiet: a remark in small type."""

    text: str
    lead: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class Note:
    """Something to be aware of: a run that was interrupted, a budget that did not bind. code: a command that helps."""

    text: str
    code: str | None = None


@dataclass(frozen=True)
class Figure:
    """A number with its name. unit: in small type behind it. more: a few words below it."""

    name: str
    value: str
    unit: str = ""
    more: str = ""


@dataclass(frozen=True)
class Figures:
    """The few numbers that matter most, in large type."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Facts:
    """Names with values."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """A table. The first column names the row. right: the numbers of the columns that are aligned to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()


@dataclass(frozen=True)
class Code:
    """Text for a terminal or a file. folded: only its title is shown until it is opened."""

    text: str
    title: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Range:
    """A value with its 95 % interval. strong: it is what the section is about."""

    name: str
    value: float
    low: float
    high: float
    text: str
    strong: bool = True


@dataclass(frozen=True)
class Ranges:
    """Values with intervals on one scale from `low` to `high`. label: what they are."""

    label: str
    low: float
    high: float
    ranges: tuple[Range, ...]


@dataclass(frozen=True)
class Bar:
    """A part of a whole. share: from 0 to 1."""

    name: str
    share: float
    text: str


@dataclass(frozen=True)
class Bars:
    """Shares as bars. label: what they are."""

    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Matrix:
    """Counts of pairs of classes; rows are true classes, columns predicted ones."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Beside:
    """Charts that stand beside each other where there is room."""

    charts: tuple[Chart, ...]


@dataclass(frozen=True)
class Formula:
    """An expression as it is written by hand."""

    expression: Expression


@dataclass(frozen=True)
class Diagram:
    """An expression as a tree, from its result on the left to what it reads on the right. label: what it is."""

    label: str
    expression: Expression


Part: TypeAlias = (
    Text
    | Note
    | Figures
    | Facts
    | Table
    | Code
    | Ranges
    | Bars
    | Matrix
    | Chart
    | Networks
    | Beside
    | Formula
    | Diagram
)
