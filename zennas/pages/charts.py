"""Charts as data: points with a value on each of several axes, of which a reader chooses two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Mark: TypeAlias = Literal["faint", "strong", "line", "quiet line", "step", "band"]
"""Dots of two weights, lines of two weights, stairs, and an area around the line of the same name. Lines of different
names have different colours. The points of a band go along its lower edge and back along its upper one.
"""


@dataclass(frozen=True)
class Axis:
    """What a value means. log: whether it is shown on a logarithmic scale at first. whole: whether it counts steps that
    follow each other, such as epochs: it has whole numbers at its ticks, and is never logarithmic.
    """

    name: str
    unit: str = ""
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Point:
    """A value for each axis of the chart, None where there is none, which leaves the point out.

    title: what is shown about it first, such as a structure. network: the number under which a network of the page is
    drawn, see `drawing.Drawn`. chosen: whether it is the one that the run has chosen.
    """

    values: tuple[float | None, ...]
    title: str = ""
    network: int | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Series:
    """Points that are marked in one way, in the order in which lines join them."""

    name: str
    mark: Mark
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Limit:
    """A line at a value of an axis, such as a budget."""

    axis: int
    value: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A chart that is drawn in the page, and can be explored by mouse, touch and keyboard.

    label: what it shows, in a sentence, also for those who cannot see it.
    x, y: the numbers of the axes that can be chosen in each direction, the first of which are shown at first.
    frontier: whether a line joins the points with the largest y for their x or less, of all dots.
    equal: whether a line shows where x and y are equal.
    selects: whether a click selects a point, and shows all about it.
    named: whether the titles of points stand beside them.
    colour: the number of the axis that colours and sizes the strong dots; None if they look alike.
    """

    label: str
    axes: tuple[Axis, ...]
    x: tuple[int, ...]
    y: tuple[int, ...]
    series: tuple[Series, ...]
    limits: tuple[Limit, ...] = ()
    frontier: bool = False
    equal: bool = False
    selects: bool = False
    named: bool = False
    colour: int | None = None
