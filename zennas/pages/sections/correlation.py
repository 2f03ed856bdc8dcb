"""How well scores rank accuracies: intervals, every network as a dot, and what a choice within a budget loses."""

from __future__ import annotations

import math

from zennas.correlation.overview import KIND
from zennas.pages.charts import Axis, Chart, Point, Series
from zennas.pages.drawing import cut
from zennas.pages.parts import Part, Range, Ranges, Table, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register

_MOST_POINTS = 1000


def parts(record: Record) -> list[Part]:
    """Rank correlations, a chart of scores and accuracies, design regrets, and how the numbers were obtained."""
    result = record.correlation
    if record.kind != KIND or result is None:
        return []
    from zennas.correlation import summary
    from zennas.correlation.result import BASELINES, direction

    ranges = []
    for row in result.rows:
        found = row.statistics.spearman
        if found is not None:
            text = f"{found.value:.3f} [{found.low:.2f}, {found.high:.2f}]".replace("-", "−")
            ranges.append(Range(row.name, found.value, found.low, found.high, text, row.name not in BASELINES))
    ranges.sort(key=lambda one: -one.value)
    low = min([0.0, *(one.low for one in ranges)])
    parts: list[Part] = []
    if ranges:
        label = "Rank correlation with accuracy (Spearman) and its 95 % interval; in grey, what is merely counted"
        parts.append(Ranges(label, low, 1.0, tuple(ranges)))
    known = {one.name: one.value for one in ranges}
    names = sorted(result.scores, key=lambda name: (name in BASELINES, -known.get(name, 0.0)))
    rows = range(0, len(result.sample), -(-len(result.sample) // _MOST_POINTS))
    points = tuple(
        Point(
            (result.sample.accuracies[i], *(_finite(result.scores[name][i]) for name in names)),
            cut(result.sample.notations[i], 300),
        )
        for i in rows
    )
    if names and points:
        titles = (name if direction(name) > 0 else f"{name} (lower is better)" for name in names)
        axes = (Axis("accuracy", "%"), *map(Axis, titles))
        label = f"Accuracy against score of {len(points):,} networks"
        series = (Series("networks", "strong", points),)
        parts.append(Chart(label, axes, tuple(range(1, len(axes))), (0,), series, selects=True))
    for regret in result.regret:
        title = summary.regret_title(regret)
        parts.append(Text(f"{title[0].upper()}{title[1:]}; lower is better.", quiet=True))
        cells = tuple(summary.regret_cells(row) for row in regret.rows)
        parts.append(Table(summary.REGRET_COLUMNS, cells, right=tuple(range(1, len(summary.REGRET_COLUMNS)))))
    lines = (*summary.notes(result), *(f"{line[0].upper()}{line[1:]}" for line in summary.protocol(result)))
    return [*parts, *(Text(f"{line}.", quiet=True) for line in lines)]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


register(Section("correlation", "What the scores are worth", 20, parts))
