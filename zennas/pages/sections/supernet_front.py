"""What several searches in one supernet found: accuracy against cost, a table, and how the expected cost fell."""

from __future__ import annotations

from zennas.pages.charts import Axis, Chart, Limit, Point, Series
from zennas.pages.drawing import cut
from zennas.pages.parts import Part, Table, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register
from zennas.pages.supernets import cost_name, cost_text, cost_unit, number_of
from zennas.supernet.front_record import FrontPoint, FrontRecord, ProxylessFront

_ABOUT = (
    "Each dot is the network that one search has found. The accuracy is that of the weights of the supernet on the "
    "held-out images: it orders networks, and says little about what they reach when they are trained by themselves. "
    "Select a point of the front to see it below, block by block."
)


def parts(record: Record) -> list[Part]:
    """A chart and a table of what was found, and the course of the searches."""
    found = record.supernet_front
    if found is None:
        return []
    front = found.front
    shown: list[Part] = [] if front is None else [Text(_ABOUT, quiet=True), _chart(front), _table(front)]
    return [*shown, *_course(found)]


def _chart(front: ProxylessFront) -> Chart:
    names = [front.cost, *(name for name in front.searches[0].result.costs if name != front.cost)]
    axes = [Axis(cost_name(name), cost_unit(name)) for name in names]
    points = front.points

    def point(one: FrontPoint, number: int | None) -> Point:
        values = (*(one.result.costs[name] for name in names), one.result.valid_top1, one.strength)
        return Point(values, cut(str(one.result.structure)), number)

    others = tuple(point(one, None) for one in front.searches if not one.better)
    return Chart(
        f"Accuracy in the supernet against {cost_name(front.cost)}, of one network for each strength",
        (*axes, Axis("top-1, held-out images", "%"), Axis("strength of the costs")),
        tuple(range(len(names))),
        (len(names), len(names) + 1),
        (
            Series("no better than a cheaper one", "faint", others),
            Series("points of the front", "strong", tuple(point(one, i) for i, one in enumerate(points, start=1))),
        ),
        frontier=True,
        selects=True,
    )


def _table(front: ProxylessFront) -> Table:
    numbers = {one.strength: str(i) for i, one in enumerate(front.points, start=1)}
    names = list(front.searches[0].result.costs)
    rows = tuple(
        (
            f"{one.strength:g}",
            f"{front.folder}@{numbers[one.strength]}" if one.strength in numbers else "–",
            f"{one.result.valid_top1:.2f} %",
            *(cost_text(name, one.result.costs[name]) for name in names),
            cost_text(front.cost, one.result.expected[front.cost]),
        )
        for one in front.searches
    )
    heads = ("strength", "point", "top-1", *map(cost_name, names), f"{cost_name(front.cost)}, expected")
    return Table(heads, rows, tuple(range(2, len(heads))))


def _course(found: FrontRecord) -> list[Chart]:
    """The expectation of the first cost over the epochs, one line for each search."""
    known = {strength: one for strength, one in found.searches.items() if one.history and one.history[0].expected}
    if not known:
        return []
    first = next(iter(known.values()))
    name = next(iter(first.history[0].expected))
    series = tuple(
        Series(
            f"strength {strength:g}",
            "line",
            tuple(Point((number_of(one, each), each.expected[name]), f"strength {strength:g}") for each in one.history),
        )
        for strength, one in known.items()
    )
    warm = found.job.recipe.warm_epochs
    axes = (Axis("epoch", whole=True), Axis(f"expected {cost_name(name)}", cost_unit(name)))
    limits = (Limit(0, warm + 0.5, "search"),) if warm else ()
    return [Chart(f"Expected {cost_name(name)} over the epochs", axes, (0,), (1,), series, limits)]


register(Section("supernet_front", "What it found", 20, parts))
