"""Expressions as trees, drawn in SVG without a script."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from zennas.pages.expressions import Expression

_ROW, _HEIGHT, _GAP = 36.0, 26.0, 30.0
"""The distance of rows, the height of a box, and the distance of columns, in pixels."""
_LETTER, _MARGIN = 7.7, 20.0
"""The width of a letter, and what a box has around its text."""


@dataclass
class _Box:
    """A node. column: its depth. row: counted from the top; between its arguments, also halves. width: in pixels."""

    name: str
    column: int
    row: float
    width: float
    arguments: list[_Box] = field(default_factory=list)

    def all(self) -> Iterator[_Box]:
        """Yield this box and all below it."""
        yield self
        for one in self.arguments:
            yield from one.all()


def drawn(expression: Expression, label: str, escape: Callable[[str], str]) -> str:
    """Return the SVG of an expression: its result on the left, and what it reads on the right.

    label: what it is, for those who cannot see it. escape: turns any text into text for HTML.
    """
    rows = count()
    root = _placed(expression, 0, lambda: float(next(rows)))
    boxes = list(root.all())
    widths: defaultdict[int, float] = defaultdict(float)
    for box in boxes:
        widths[box.column] = max(widths[box.column], box.width)
    left, end = {}, 1.0
    for column in range(len(widths)):
        left[column] = end
        end += widths[column] + _GAP
    width, height = end - _GAP + 1, next(rows) * _ROW
    lines = "".join(_line(box, below, left) for box in boxes for below in box.arguments)
    nodes = "".join(_node(box, left[box.column], escape) for box in boxes)
    said = escape(f"{label}: {expression}")
    return (
        f'<svg class="tree" role="img" aria-label="{said}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}"><path d="{lines}"/>{nodes}</svg>'
    )


def _placed(expression: Expression, column: int, next_row: Callable[[], float]) -> _Box:
    arguments = [_placed(argument, column + 1, next_row) for argument in expression.arguments]
    row = (arguments[0].row + arguments[-1].row) / 2 if arguments else next_row()
    return _Box(expression.name, column, row, _LETTER * len(expression.name) + _MARGIN, arguments)


def _middle(box: _Box) -> float:
    return (box.row + 0.5) * _ROW


def _line(box: _Box, below: _Box, left: dict[int, float]) -> str:
    start, end = left[box.column] + box.width, left[below.column]
    bend = (start + end) / 2
    y, z = _middle(box), _middle(below)
    return f"M{start:.0f} {y:.0f}C{bend:.0f} {y:.0f} {bend:.0f} {z:.0f} {end:.0f} {z:.0f}"


def _node(box: _Box, left: float, escape: Callable[[str], str]) -> str:
    kind = "" if box.arguments else ' class="leaf"'
    top, round_ = _middle(box) - _HEIGHT / 2, 5 if box.arguments else _HEIGHT / 2
    return (
        f'<rect{kind} x="{left:.0f}" y="{top:.0f}" width="{box.width:.0f}" height="{_HEIGHT:.0f}" rx="{round_:.0f}"/>'
        f'<text x="{left + box.width / 2:.0f}" y="{_middle(box) + 4.5:.1f}">{escape(box.name)}</text>'
    )
