"""Latencies of a search: predicted beside measured, against the budget."""

from __future__ import annotations

from zennas.pages.charts import Axis, Chart, Limit, Point, Series
from zennas.pages.drawing import cut
from zennas.pages.parts import Note, Part, Table, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register
from zennas.runs.candidate import Latency
from zennas.searching.result import SearchResult
from zennas.searching.telling.latency_report import LatencyReport


def parts(record: Record) -> list[Part]:
    """The latency on each device of the budget, or on the machine of the search."""
    search, found = record.search, list[Part]()
    if search is None:
        return found
    if search.latency:
        checks = " or ".join(dict.fromkeys(report.check for report in search.latency))
        columns = ("device", "predicted", checks, "95 % interval", "p90", "budget")
        rows = tuple(_row(report) for report in search.latency)
        found.append(Table(columns, rows, right=(1, 2, 3, 4, 5)))
        found += [Note(note) for report in search.latency for note in report.notes]
        found += [chart for one in search.latency for chart in _charts(search, one)]
    if search.here is not None:
        here = search.here
        about = "; ".join(filter(None, (here.spread, here.conditions)))
        found.append(
            Text(f"On the machine of the search, {here.device}, an image takes {here.ms:.3g} ms, {here.way} ({about}).")
        )
        if here.resnet is not None:
            name, _, ms = here.resnet
            found.append(Text(f"A {name} of about equal FLOPs takes {ms:.3g} ms there.", quiet=True))
    return found


def _row(report: LatencyReport) -> tuple[str, ...]:
    known = report.found
    interval = "–" if known.low is None or known.high is None else f"{known.low:.4g}–{known.high:.4g} ms"
    cells = (_ms(known.predicted), _ms(known.measured), interval, _ms(known.p90), f"{report.limit.ms:g} ms")
    return report.limit.label, *cells


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g} ms"


def _charts(search: SearchResult, report: LatencyReport) -> list[Chart]:
    """Predicted against measured, if the best networks were measured on a device with a profile."""
    best, limit, points = search.best, report.limit, []
    for one in search.measured:
        known = one.latency.get(limit.source, Latency())
        if known.predicted is not None and known.measured is not None:
            chosen = best is not None and one.id == best.id
            points.append(Point((known.predicted, known.measured), cut(str(one.structure)), one.id, chosen))
    if not points:
        return []
    axes = (Axis("predicted", "ms"), Axis(report.check, "ms"))
    series = (Series("the best networks", "strong", tuple(points)),)
    limits = (Limit(0, limit.ms, "budget"), Limit(1, limit.ms, "budget"))
    label = f"Predicted and {report.check} latency of the best networks on {limit.label}; on the line, both are equal"
    return [Chart(label, axes, (0,), (1,), series, limits, equal=True, selects=True)]


register(Section("latency", "Latency", 50, parts))
