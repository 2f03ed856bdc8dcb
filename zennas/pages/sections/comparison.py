"""Networks side by side: accuracy or score against cost, all numbers as a table, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zennas.pages.charts import Axis, Chart, Point, Series
from zennas.pages.drawing import cut
from zennas.pages.parts import Part, Table, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register

if TYPE_CHECKING:
    from zennas.report.comparison.quantities import Quantity
    from zennas.report.comparison.result import Comparison, Row

_LONGEST_NOTE = 400
_LONGEST_NAME = 80
_MOST_COLUMNS = 8
"""Networks that have a column each, with their names above it."""
_MOST_NAMED = 40
"""Networks whose names stand beside their points."""


def parts(record: Record) -> list[Part]:
    """A chart in which networks can be selected, the table, and remarks."""
    found = record.comparison
    if found is None:
        return []
    from zennas.report.comparison.text import notes, remarks_of

    remarks: dict[str, list[str]] = {}
    for row in found.rows:
        for remark in remarks_of(row):
            remarks.setdefault(remark, []).append(f"({row.number})")
    names = {f"({row.number}) {row.text}" for row in found.rows}
    known = (line for line in notes(found) if line not in names)  # they stand in the table
    lines = (*known, *(f"{', '.join(numbers)}: {remark}" for remark, numbers in remarks.items()))
    texts = (f"{line[0].upper()}{line[1:]}." for line in (cut(line, _LONGEST_NOTE) for line in lines))
    return [_chart(found), _table(found), *(Text(line, quiet=True) for line in texts)]


def _table(found: Comparison) -> Table:
    """A column for each of a few networks, a row for each of many. Remarks, which are long, stand below it."""
    from zennas.report.comparison.text import REMARKS, cells, upright_cells

    names = [_name(row, baseline=row is found.baseline and len(found.rows) > 1) for row in found.rows]
    if len(found.rows) <= _MOST_COLUMNS:
        rows = tuple(one for one in upright_cells(found) if one[0] != REMARKS)
        return Table(("quantity", *names), rows, tuple(range(1, len(names) + 1)))
    titles, texts = cells(found)
    shown = [i for i, title in enumerate(titles) if title != REMARKS]
    rows = tuple((name, *(row[i] for i in shown[1:])) for name, row in zip(names, texts, strict=True))
    return Table(tuple(titles[i] for i in shown), rows, tuple(range(1, len(shown))))


def _name(row: Row, baseline: bool) -> str:
    name = row.label if row.label.startswith(f"({row.number})") else f"({row.number}) {row.label}"
    return f"{cut(name, _LONGEST_NAME)}{' (baseline)' if baseline else ''}"


def _chart(found: Comparison) -> Chart:
    known = [one for one in found.quantities if one.key != "resolution" and _count(found.rows, one)]
    costs = sorted((one for one in known if not _worth(one)), key=lambda one: _place(found.rows, one))
    worth = sorted((one for one in known if _worth(one)), key=lambda one: _promise(found.rows, one))
    axes = (*costs, *worth)
    x = tuple(range(len(costs)))
    up = tuple(range(len(costs), len(axes))) or (*x[1:], x[0])
    points = tuple(
        Point(tuple(one.value(row) for one in axes), row.label, row.number, row is found.baseline) for row in found.rows
    )
    what = "What networks are worth against what they cost" if worth else "One cost of networks against another"
    return Chart(
        what,
        tuple(_axis(found.rows, one) for one in axes),
        x,
        up,
        (Series("networks", "strong", points),),
        selects=True,
        named=len(points) <= _MOST_NAMED,
    )


def _axis(rows: Sequence[Row], one: Quantity) -> Axis:
    """An axis with the unit of a quantity; costs begin on a logarithmic scale."""
    names = {"params": "parameters", "flops": "FLOPs", "memory": "peak memory"}
    name = {"latency": "predicted latency", "measured": "measured latency", "top1": "top-1"}.get(one.kind, one.name)
    detail = one.key.partition(":")[2] if one.kind in ("latency", "top1") else ""
    positive = all((one.value(row) or 1.0) > 0 for row in rows)
    return Axis(names.get(one.kind, f"{name}, {detail}" if detail else name), one.unit, not _worth(one) and positive)


def _worth(one: Quantity) -> bool:
    """Whether a number says what a network is worth, not what it costs."""
    return one.kind in ("top1", "score")


def _count(rows: Sequence[Row], one: Quantity) -> int:
    return sum(one.value(row) is not None for row in rows)


def _promise(rows: Sequence[Row], one: Quantity) -> tuple[bool, bool, int]:
    """The place among what networks are worth: accuracies before scores, if they are known of several."""
    count = _count(rows, one)
    return count < min(2, len(rows)), one.kind == "score", -count


def _place(rows: Sequence[Row], one: Quantity) -> tuple[int, int]:
    """The place of a cost among those to choose from: known of most networks, latencies before counts."""
    order = ("measured", "latency", "flops", "params")
    return -_count(rows, one), order.index(one.kind) if one.kind in order else len(order)


register(Section("comparison", "Side by side", 20, parts))
