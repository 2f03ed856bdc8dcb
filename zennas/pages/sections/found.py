"""What a search met: score against cost, of what it ever kept and of the survivors."""

from __future__ import annotations

from zennas.pages.charts import Axis, Chart, Limit, Series
from zennas.pages.parts import Part, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register
from zennas.pages.survey import Survey, survey

_COUNTS = {"params": "parameters", "flops": "FLOPs", "layers": "layers"}
_DOTS = (
    "Each dot is a network that the search kept for a while. Select one to see all about it; those in colour are then "
    "drawn below, block by block."
)
_SEARCH = (
    "The line joins the best scores met at each cost. It is no front: a search looks mostly near the limits of its "
    "budget."
)
_FRONT = "Those are the points of the front. The line joins the best scores at each cost."


def parts(record: Record) -> list[Part]:
    """A chart of costs and scores in which networks can be selected."""
    known = survey(record)
    if known is None:
        return []
    about = []
    if known.relative:
        about.append(
            Text(
                f"{known.search.settings.proxy} ranks networks among each other by several measures. The chart shows "
                f"{known.score}, and the others can be chosen.",
                quiet=True,
            )
        )
    return [
        *about,
        Text(f"{_DOTS} {_SEARCH if known.search.front is None else _FRONT}", quiet=True),
        _chart(known),
    ]


def _chart(known: Survey) -> Chart:
    costs = known.cost_axes
    drawn = {one.id for one in known.drawn}
    names = sorted({name for one in known.drawn for name in one.measures} - {known.score})
    axes = (*costs, Axis(known.score), *map(Axis, names))
    score = len(costs)

    def series(title: str, mark: str, chosen: bool) -> Series:
        found = known.drawn if chosen else tuple(one for one in known.sample if one.id not in drawn)
        points = []
        for one in found:
            others = tuple(None if name not in one.measures else one.measures[name].value for name in names)
            points.append(known.point(one, (*known.costs(one), known.value(one), *others)))
        return Series(title, "strong" if mark == "strong" else "faint", tuple(points))

    return Chart(
        f"Score against cost of {len(known.sample):,} networks of the search",
        axes,
        _costs_first(known),
        (score, *range(score + 1, len(axes))),
        (series("met on the way", "faint", False), series("drawn below", "strong", True)),
        _limits(known, costs),
        frontier=known.sign > 0,
        selects=True,
    )


def _costs_first(known: Survey) -> tuple[int, ...]:
    """The numbers of the axes of costs, those that the budget limits first."""
    names = [axis.name for axis in known.cost_axes]
    limited = [_COUNTS[name] for name in known.search.settings.budget.limits()]
    order = sorted(range(len(names)), key=lambda i: (not names[i].startswith("latency"), names[i] not in limited, i))
    return tuple(order)


def _limits(known: Survey, axes: tuple[Axis, ...]) -> tuple[Limit, ...]:
    names = [axis.name for axis in axes]
    budget = known.search.settings.budget
    counts = [Limit(names.index(_COUNTS[name]), value, "budget") for name, value in budget.limits().items()]
    return (*counts, *(Limit(i, limit.ms, "budget") for i, limit in enumerate(budget.latency)))


register(Section("found", "What it found", 20, parts))
