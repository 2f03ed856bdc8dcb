"""What a search met: score against cost, of what it ever kept and of the survivors; of a front, its surface."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zennas.budget.memories import MEMORIES
from zennas.pages.charts import Axis, Chart, Limit, Point, Series
from zennas.pages.main_cost import main_cost
from zennas.pages.parts import Part, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register
from zennas.pages.survey import MOST_DRAWN, Survey, spread, survey
from zennas.runs.candidate import Candidate
from zennas.searching.fronts.goals import Goal, names_of
from zennas.searching.fronts.grid import LATENCY
from zennas.searching.fronts.tradeoff import Tradeoff

_COUNTS = {
    "params": "parameters",
    "flops": "FLOPs",
    "activations": "activations",
    "layers": "layers",
    **{name: memory.title for name, memory in MEMORIES.items()},
}
_DOTS = (
    "Each dot is a network that the search kept for a while. Select one to see all about it; those in colour are drawn "
    "below, block by block."
)
_MANY = "Each dot is a network that the search kept for a while. Select one to see all about it."
_DRAWN = f"Up to {MOST_DRAWN} of them are drawn below, block by block."
MOST_POINTS = 400
"""Points of a front that are marked."""
_SEARCH = (
    "The line joins the best scores met at each cost. It is not a front: a search looks mostly near the limits of its "
    "budget."
)
_FRONT = f"Those in colour are the points of the front. {_DRAWN} The line joins the best scores at each cost."
_SURFACE = (
    f"Those in colour are the points of the front: no cheaper one is as good. {_DRAWN} The higher the score, the "
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
            f"Those in colour are the points of the front for {names_of(goals)}: no network that was kept is better "
            f"than one of them in one goal and as good in all others. {_DRAWN}"
        )
        return [Text(f"{_MANY} {about}", quiet=True), _goals_chart(known, known.search.tradeoff)]
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
    dots = _DOTS if known.search.front is None else _MANY
    said = _SEARCH if known.search.front is None else _SURFACE if surface else _FRONT
    return [*found, Text(f"{dots} {said}", quiet=True), _surface_chart(known) if surface else _chart(known)]


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
    shown = [Axis(one.name, one.unit, log=i in (first, second)) for i, one in enumerate(costs)]
    others = [i for i in range(len(costs)) if i not in (first, second)]
    return Chart(
        f"Two costs of {len(known.sample):,} networks of the search, and their scores",
        (*shown, Axis(known.score)),
        (first, second, *others),
        (second, score, first, *others),
        _series(known, (known.score,), "points of the front"),
        _limits(known, costs),
        selects=True,
        colour=score,
    )


def _goals_chart(known: Survey, found: Tradeoff) -> Chart:
    """The first two goals against each other, coloured by the third one."""
    scores = [goal.name for goal in found.goals if not goal.cost]
    axes = (*known.cost_axes, *map(Axis, scores))
    goals = [_goal_place(known, goal, scores) for goal in found.goals]
    others = [i for i in (*range(len(known.cost_axes), len(axes)), *_costs_first(known)) if i not in goals]
    return Chart(
        f"Goals of {len(known.sample):,} networks of the search: {names_of(found.goals)}",
        axes,
        (goals[1], goals[0], *goals[2:], *others),
        (*goals, *others),
        _series(known, scores, "points of the front"),
        _limits(known, known.cost_axes),
        selects=True,
        colour=goals[2] if len(goals) > 2 else None,
    )


def _goal_place(known: Survey, goal: Goal, scores: Sequence[str]) -> int:
    """The number of the axis of a goal: a cost, or a score behind all costs."""
    if not goal.cost:
        return len(known.cost_axes) + scores.index(goal.name)
    return _place(known, goal.name if goal.source is None else f"{LATENCY}{goal.source}")


def _series(known: Survey, names: Sequence[str], strong: str) -> tuple[Series, Series]:
    """The networks met, and those that are drawn, with their costs and the measures of these names."""
    marked = {one.id: one for one in (*known.drawn, *spread(known.search.points, MOST_POINTS))}

    def points(found: Iterable[Candidate]) -> tuple[Point, ...]:
        made = []
        for one in found:
            scores = (None if name not in one.measures else one.measures[name].value for name in names)
            made.append(known.point(one, (*known.costs(one), *scores)))
        return tuple(made)

    others = (one for one in known.sample if one.id not in marked)
    return Series("met on the way", "faint", points(others)), Series(strong, "strong", points(marked.values()))


def _place(known: Survey, over: str) -> int:
    """The number of the axis of a cost of a front."""
    if over.startswith(LATENCY):
        sources = [limit.source for limit in known.search.settings.budget.latency]
        return sources.index(over.removeprefix(LATENCY))
    return [axis.name for axis in known.cost_axes].index(_COUNTS[over])


def _costs_first(known: Survey) -> tuple[int, ...]:
    """The numbers of the axes of costs: first what the search is about, then the others that the budget limits."""
    names = [axis.name for axis in known.cost_axes]
    budget, about = known.search.settings.budget, main_cost(known.search)
    limited = [_COUNTS[name] for name in (*budget.memories(), *budget.limits())]

    def order(i: int) -> tuple[bool, bool, bool, int]:
        return names[i] != _COUNTS.get(about), not names[i].startswith("latency"), names[i] not in limited, i

    return tuple(sorted(range(len(names)), key=order))


def _limits(known: Survey, axes: tuple[Axis, ...]) -> tuple[Limit, ...]:
    names = [axis.name for axis in axes]
    budget = known.search.settings.budget
    given = {**budget.limits(), **budget.memories()}
    counts = [Limit(names.index(_COUNTS[name]), value, "budget") for name, value in given.items()]
    return (*counts, *(Limit(i, limit.ms, "budget") for i, limit in enumerate(budget.latency)))


register(Section("found", "What it found", 20, parts))
