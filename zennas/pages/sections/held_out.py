"""How well the programs of a search rank networks that it has not seen, beside published ones and costs."""

from __future__ import annotations

from zennas.discovering.record import Outcome, Ranked, Tau
from zennas.pages.charts import Axis, Chart, Point, Series
from zennas.pages.drawing import cut
from zennas.pages.parts import Part, Range, Ranges, Table, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register

_MOST_PROGRAMS = 8
"""Programs that were found which charts show; the table has all."""
_MOST_POINTS = 500
"""Networks of a task that a chart shows."""
_LONGEST, _LONGEST_ROW = 60, 160
"""Characters of a program in a chart, and in the table."""


def parts(record: Record) -> list[Part]:
    """For each task the rank correlations and a chart of accuracies and scores; then all in a table."""
    found = record.discovery
    if found is None or found.outcome is None:
        return []
    outcome, shown = found.outcome, list[Part]()
    for number, task in enumerate(found.tasks):
        shown += _of_task(outcome, number, task)
    return [
        *shown,
        _table(outcome, found.tasks),
        Text(
            "Kendall's τ of scores and accuracies, with its 95 % interval. The programs that were found are in the "
            "order of their smallest τ on these networks, so that the τ of the first is a little too high: for a "
            "figure to publish, use other networks.",
            quiet=True,
        ),
    ]


def _ranked(outcome: Outcome) -> list[tuple[Ranked, bool]]:
    """What charts show, and whether it was found: the best programs, and all others with their scores."""
    programs = [(one, True) for one in outcome.programs[:_MOST_PROGRAMS] if one.reason is None]
    return programs + [(one, False) for one in outcome.references if one.reason is None]


def _of_task(outcome: Outcome, number: int, task: str) -> list[Part]:
    known = _ranked(outcome)
    if not known:
        return []
    ranges = []
    for one, strong in known:
        tau = one.taus[number]
        text = _tau_text(tau)
        ranges.append(Range(cut(one.name, _LONGEST), tau.value, tau.low, tau.high, text, strong))
    label = f"{task}: rank correlation with accuracy (Kendall); in grey, what was known before"
    low = min([0.0, *(one.low for one in ranges)])
    shown: list[Part] = [Ranges(label, low, 1.0, tuple(ranges))]
    scored = [one for one, _ in known if len(one.scores) > number]
    if number < len(outcome.held_out) and scored:
        shown.append(_chart(outcome, number, task, scored))
    return shown


def _chart(outcome: Outcome, number: int, task: str, scored: list[Ranked]) -> Chart:
    networks = outcome.held_out[number]
    rows = range(0, len(networks.accuracies), -(-len(networks.accuracies) // _MOST_POINTS))
    points = tuple(
        Point((networks.accuracies[i], *(one.scores[number][i] for one in scored)), cut(networks.networks[i], 300))
        for i in rows
    )
    axes = (Axis("accuracy", "%"), *(Axis(cut(one.name, _LONGEST)) for one in scored))
    label = f"{task}: accuracy against score of {len(points):,} held-out networks"
    return Chart(label, axes, tuple(range(1, len(axes))), (0,), (Series("networks", "strong", points),), selects=True)


def _table(outcome: Outcome, tasks: tuple[str, ...]) -> Table:
    costed = any(one.microseconds is not None for one in outcome.programs)
    rows = []
    for one in (*outcome.programs, *outcome.references):
        name, more = cut(one.name, _LONGEST_ROW), (str(one.nodes or ""), *(_cost(one) if costed else ()))
        if one.value is None:
            rows.append((f"{name}: {cut(str(one.reason), _LONGEST_ROW)}", *more, "–", *["–"] * len(tasks)))
        else:
            rows.append((name, *more, f"{one.value:.3f}".replace("-", "−"), *map(_tau_text, one.taus)))
    columns = ("program or cost", "nodes", *(("µs on a unit", "point") if costed else ()), "smallest τ", *tasks)
    return Table(columns, tuple(rows), tuple(range(1, len(columns))))


def _tau_text(tau: Tau) -> str:
    return f"{tau.value:.3f} [{tau.low:.2f}, {tau.high:.2f}]".replace("-", "−")


def _cost(one: Ranked) -> tuple[str, str]:
    """What a program costs, and its number in the front of those with a high τ and a low cost."""
    return "" if one.microseconds is None else f"{one.microseconds:,.0f}", str(one.point or "")


register(Section("held_out", "On networks that it has not seen", 20, parts))
