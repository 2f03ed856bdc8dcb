"""What a search in a supernet decided: the probabilities of all candidates at the end, and how they moved."""

from __future__ import annotations

import math
from collections.abc import Sequence

from zennas.common.numbers import counted
from zennas.pages.candidates import columns_of
from zennas.pages.charts import Axis, Chart, Point, Series
from zennas.pages.drawing import cut
from zennas.pages.parts import Part, Table, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register
from zennas.pages.supernets import candidates_of, picks_of
from zennas.supernet.history import SEARCH
from zennas.supernet.outcome import SearchRecord

_MOST_ROWS = 100
"""Decisions that are shown."""
_MOST_COLUMNS = 12
"""Names of candidates that have a column each; of more, every cell names its candidate."""
_MOST_POINTS = 6000
_LONGEST, _LONGEST_TITLE = 60, 200
"""Characters of a name in the table, and of a candidate's whole text in the chart."""
_CHOSEN = "●"


def parts(record: Record) -> list[Part]:
    """A table of decisions and candidates, and a chart of what was chosen over the epochs of the search."""
    return [] if record.supernet is None else parts_of(record.supernet)


def parts_of(search: SearchRecord) -> list[Part]:
    """The parts of one search; none before its first epoch has ended."""
    if not search.history:
        return []
    if search.history[-1].phase != SEARCH:
        return [Text("Only weights were trained so far, so nothing is decided yet.")]
    result = search.result
    marked = (
        "the most probable one so far" if result is None else "the drawn one" if result.sampled else "the chosen one"
    )
    rest = len(search.history[-1].probabilities) - _MOST_ROWS
    return [
        Text(f"The probability of each candidate after the last epoch; {_CHOSEN} marks {marked}.", quiet=True),
        _table(search),
        *([Text(f"{counted(rest, 'more decision')} are not shown.", quiet=True)] if rest > 0 else []),
        *_moves(search),
    ]


def _table(search: SearchRecord) -> Table:
    names, picks, shares = candidates_of(search), picks_of(search), search.history[-1].probabilities
    shown = list(shares)[:_MOST_ROWS]
    columns = columns_of({key: names[key] for key in shown})
    named = len(columns) <= _MOST_COLUMNS
    if not named:
        columns = tuple(str(k + 1) for k in range(max(len(shares[key]) for key in shown)))
    # Without the texts of all candidates, that of the chosen one is at least in the result.
    chosen = None if search.result is None or search.beginning is not None else search.result.picks
    rows = []
    for key in shown:
        cells = {
            name if named else str(k + 1): f"{_CHOSEN + ' ' if k == picks[key] else ''}{100 * share:.1f} %"
            + ("" if named else f" {cut(name, _LONGEST)}")
            for k, (name, share) in enumerate(zip(names[key], shares[key], strict=True))
        }
        row = [cells.get(column, "") for column in columns]
        rows.append((cut(key, _LONGEST), *([] if chosen is None else [cut(chosen.get(key, ""), _LONGEST)]), *row))
    heads = ("decision", *([] if chosen is None else ["chosen"]), *(cut(name, _LONGEST) for name in columns))
    first = len(heads) - len(columns)
    return Table(heads, tuple(rows), tuple(range(first, len(heads))) if named else ())


def _moves(search: SearchRecord) -> list[Chart]:
    """A line for each decision: how probable the candidate was that is chosen in the end, and how open the decision."""
    epochs = [epoch for epoch in search.history if epoch.phase == SEARCH]
    picks = {key: k for key, k in list(picks_of(search).items())[:_MOST_ROWS] if k is not None}
    if len(epochs) < 2 or not picks:
        return []
    every = -(-len(epochs) * len(picks) // _MOST_POINTS)
    some = epochs[::every] if epochs[::every][-1] is epochs[-1] else [*epochs[::every], epochs[-1]]
    names = candidates_of(search) if search.beginning is None else search.beginning.options
    series = []
    for key, k in picks.items():
        title = cut(f"{key}: {names[key][k]}", _LONGEST_TITLE)
        points = tuple(
            Point((epoch.epoch, 100 * epoch.probabilities[key][k], _entropy(epoch.probabilities[key])), title)
            for epoch in some
        )
        series.append(Series("a decision", "line", points))
    what = "most probable so far" if search.result is None else "chosen in the end"
    return [
        Chart(
            f"How probable the candidate of each decision was that is {what}, over the epochs of the search",
            (
                Axis("epoch of the search", whole=True),
                Axis("probability", "%"),
                Axis("entropy of the decision", "nats"),
            ),
            (0,),
            (1, 2),
            tuple(series),
        )
    ]


def _entropy(shares: Sequence[float]) -> float:
    return -sum(p * math.log(p) for p in shares if p > 0)


register(Section("decisions", "What it decided", 20, parts))
