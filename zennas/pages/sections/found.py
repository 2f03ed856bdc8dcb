"""What a search met: score against cost, of what it ever kept and of the survivors; of a front, its surface."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zennas.pages.charts import Axis, Chart, Limit, Point, Series
from zennas.pages.parts import Part, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register
from zennas.pages.survey import Survey, survey
from zennas.runs.candidate import Candidate
from zennas.searching.goals import names_of
from zennas.searching.grid import LATENCY
from zennas.searching.tradeoff import Tradeoff

_COUNTS = {"params": "parameters", "flops": "FLOPs", "activations": "activations", "layers": "layers", "ram": "RAM"}
_DOTS = (
    "Each dot is a network that the search kept for a while. Select one to see all about it; those in colour are then "
    "drawn below, block by block."
)
_SEARCH = (
    "The line joins the best scores met at each cost. It is no front: a search looks mostly near the limits of its "
    "budget."
)
_FRONT = "Those are the points of the front. The line joins the best scores at each cost."
_SURFACE = (
    "Those are the points of the front: none has a cheaper one beside it that is as good. The higher the score, the "
    "lighter and larger the dot."
)


def parts(record: Record) -> list[Part]:
    """A chart of costs and scores in which networks can be selected."""
    known = survey(record)
    if known is None:
        return []
    if known.search.tradeoff is not None:
        goals = known.search.tradeoff.goals
        about = (
            f"Those are the points of the front, for {names_of(goals)}: no network that was kept is better than one of "
            "them in one goal and as good in all others."
        )
        return [Text(f"{_DOTS} {about}", quiet=True), _goals_chart(known, known.search.tradeoff)]
    surface = known.search.front is not None and len(known.search.front.grid.axes) > 1
    found: list[Part] = []
    if known.relative:
        found.append(
            Text(
                f"{known.search.settings.proxy} ranks networks among each other by several measures. The chart shows "
                f"{known.score}, and the others can be chosen.",
                quiet=True,
            )
        )
    said = _SEARCH if known.search.front is None else _SURFACE if surface else _FRONT
    return [*found, Text(f"{_DOTS} {said}", quiet=True), _surface_chart(known) if surface else _chart(known)]


def _chart(known: Survey) -> Chart:
    costs = known.cost_axes
    names = sorted({name for one in known.drawn for name in one.measures} - {known.score})
    axes = (*costs, Axis(known.score), *map(Axis, names))
    score = len(costs)
    return Chart(
        f"Score against cost of {len(known.sample):,} networks of the search",
        axes,
        _costs_first(known),
        (score, *range(score + 1, len(axes))),
        _series(known, (known.score, *names), "drawn below"),
        _limits(known, costs),
        frontier=known.sign > 0,
        selects=True,
    )


def _surface_chart(known: Survey) -> Chart:
    """The two costs of a front, with its points coloured by the score."""
    costs, front = known.cost_axes, known.search.front
    assert front is not None
    first, second = (_place(known, axis.over) for axis in front.grid.axes)
    score = len(costs)
    axes = tuple(
        Axis(one.name, one.unit, log=i in (first, second)) for i, one in enumerate((*costs, Axis(known.score)))
    )
    others = [i for i in range(len(costs)) if i not in (first, second)]
    return Chart(
        f"Two costs of {len(known.sample):,} networks of the search, and their scores",
        axes,
        (first, second, *others),
        (second, score, first, *others),
        _series(known, (known.score,), "points of the front"),
        _limits(known, costs),
        selects=True,
        colour=score,
    )


def _goals_chart(known: Survey, found: Tradeoff) -> Chart:
    """The first two goals against each other, coloured by the third one."""
    costs, names = known.cost_axes, [goal.name for goal in found.goals]
    goals = range(len(costs), len(costs) + len(names))
    return Chart(
        f"Goals of {len(known.sample):,} networks of the search: {names_of(found.goals)}",
        (*costs, *map(Axis, names)),
        (goals[1], *(i for i in goals if i != goals[1]), *_costs_first(known)),
        (*goals, *_costs_first(known)),
        _series(known, names, "points of the front"),
        _limits(known, costs),
        selects=True,
        colour=goals[2] if len(goals) > 2 else None,
    )


def _series(known: Survey, names: Sequence[str], strong: str) -> tuple[Series, Series]:
    """The networks met, and those that are drawn, with their costs and the measures of these names."""
    drawn = {one.id for one in known.drawn}

    def points(found: Iterable[Candidate]) -> tuple[Point, ...]:
        made = []
        for one in found:
            scores = (None if name not in one.measures else one.measures[name].value for name in names)
            made.append(known.point(one, (*known.costs(one), *scores)))
        return tuple(made)

    others = (one for one in known.sample if one.id not in drawn)
    return Series("met on the way", "faint", points(others)), Series(strong, "strong", points(known.drawn))


def _place(known: Survey, over: str) -> int:
    """The number of the axis of a cost of a front."""
    if over.startswith(LATENCY):
        sources = [limit.source for limit in known.search.settings.budget.latency]
        return sources.index(over.removeprefix(LATENCY))
    return [axis.name for axis in known.cost_axes].index(_COUNTS[over])


def _costs_first(known: Survey) -> tuple[int, ...]:
    """The numbers of the axes of costs, those that the budget limits first."""
    names = [axis.name for axis in known.cost_axes]
    budget = known.search.settings.budget
    limited = [_COUNTS[name] for name in budget.limits()] + ([] if budget.ram is None else ["RAM"])
    order = sorted(range(len(names)), key=lambda i: (not names[i].startswith("latency"), names[i] not in limited, i))
    return tuple(order)


def _limits(known: Survey, axes: tuple[Axis, ...]) -> tuple[Limit, ...]:
    names = [axis.name for axis in axes]
    budget = known.search.settings.budget
    counts = [Limit(names.index(_COUNTS[name]), value, "budget") for name, value in budget.limits().items()]
    counts += [] if budget.ram is None else [Limit(names.index("RAM"), budget.ram, "budget")]
    return (*counts, *(Limit(i, limit.ms, "budget") for i, limit in enumerate(budget.latency)))


register(Section("found", "What it found", 20, parts))
