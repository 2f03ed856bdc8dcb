"""What a search has met, chosen for a page: which score ranked, the survivors, and those that are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from zennas.budget.memories import MEMORIES
from zennas.common.errors import ZennasError
from zennas.common.numbers import counted, format_count
from zennas.pages.charts import Axis, Point
from zennas.pages.drawing import cut
from zennas.pages.main_cost import cost_of, main_cost
from zennas.pages.record import Record
from zennas.report.scores import measure_text
from zennas.runs.candidate import Candidate, Latency
from zennas.searching.fronts.front import memories_that_matter
from zennas.searching.fronts.goals import COSTS
from zennas.searching.result import SearchResult
from ZeroShotProxy import ensembles

MOST_DRAWN = 48
"""Networks that a page draws block by block, and"""
MOST_FRONTIER = 24
"""how many of them are the best at their cost, and"""
MOST_BLOCKS_DRAWN = 1500
"""how many blocks they may have together."""
MOST_POINTS = 700
"""Candidates that a chart shows, and"""
MOST_TEXT = 250_000
"""how many characters their structures may have together, so that the page stays below 1 MB."""


@dataclass(frozen=True, eq=False)
class Survey:
    """A search as a page shows it.

    score: the name of the measure that ranked. sign: -1 if lower is better.
    ranked: the survivors, best first. drawn: the networks that are drawn, the chosen one first.
    sample: some of all that were ever kept, in the order in which they were proposed; all that were the best when they
    were proposed are among them, if they are not too many.
    """

    search: SearchResult
    score: str
    sign: float
    ranked: tuple[Candidate, ...]
    drawn: tuple[Candidate, ...]
    sample: tuple[Candidate, ...]
    best_so_far: tuple[Candidate, ...]

    @property
    def relative(self) -> bool:
        """Whether the search ranked by more than this score: by ranks among others, for which no number stands."""
        try:
            return ensembles.find(self.search.settings.proxy).ranking is not None
        except ZennasError:  # of an installed package that is not here
            return False

    def value(self, candidate: Candidate) -> float | None:
        """The score of a candidate, None if it has none."""
        found = candidate.measures.get(self.score)
        return None if found is None else found.value

    @property
    def cost_axes(self) -> tuple[Axis, ...]:
        """The axes of what a candidate costs: those of latency, one for each device of the budget, come first."""
        devices = (Axis(f"latency, {limit.label}", "ms") for limit in self.search.settings.budget.latency)
        memories = (Axis(MEMORIES[name].title, "bytes") for name in memories_that_matter(self.search.settings))
        return (*devices, Axis("parameters"), Axis("FLOPs"), Axis("activations"), Axis("layers"), *memories)

    def costs(self, candidate: Candidate) -> tuple[float | None, ...]:
        """The values of a candidate on `cost_axes`."""
        known = [candidate.latency.get(limit.source, Latency()) for limit in self.search.settings.budget.latency]
        ms = (one.predicted if one.measured is None else one.measured for one in known)
        cost = candidate.cost
        memories = self.search.memories(candidate).values()
        return (*ms, cost.params, cost.flops, cost.activations, cost.layers, *memories)

    def point(self, candidate: Candidate, values: tuple[float | None, ...]) -> Point:
        """A candidate as a point with these values."""
        best = self.search.best
        chosen = best is not None and best.id == candidate.id
        return Point(values, cut(str(candidate.structure)), candidate.id, chosen)

    def title(self, candidate: Candidate) -> str:
        """What a candidate is in this search."""
        points = self.search.points
        number = next((i for i, point in enumerate(points, start=1) if point.id == candidate.id), None)
        if number is not None:
            return f"point {number} of {len(points)}, {self.search.folder}@{number}"
        if self.search.best is not None and candidate.id == self.search.best.id:
            return "the chosen network" if self.search.status == "finished" else "the best so far"
        places = {one.id: place for place, one in enumerate(self.ranked, start=1)}
        place = places.get(candidate.id)
        if place is None:
            return f"met in iteration {candidate.iteration:,}"
        return f"number {place} of {counted(len(self.ranked), 'survivor')}"

    def facts(self, candidate: Candidate) -> tuple[tuple[str, str], ...]:
        """Costs and scores of a candidate in words."""
        cost, memories = candidate.cost, self.search.memories(candidate)
        latencies = []
        for report in self.search.latency:
            limit = report.limit
            known = candidate.latency.get(limit.source)
            if known is not None and known.predicted is not None:
                latencies.append((f"{limit.label}, predicted", f"{known.predicted:.4g} ms"))
            if known is not None and known.measured is not None:
                latencies.append((f"{limit.label}, {report.check}", f"{known.measured:.4g} ms"))
        return (
            *((name, measure_text(measure)) for name, measure in candidate.measures.items() if name not in COSTS),
            *latencies,
            ("parameters", f"{cost.params:,}"),
            ("FLOPs", format_count(cost.flops)),
            ("activations", format_count(cost.activations)),
            ("layers", f"{cost.layers}"),
            *((MEMORIES[name].title, f"{value:,} bytes") for name, value in memories.items()),
        )


@lru_cache(maxsize=1)
def survey(record: Record) -> Survey | None:
    """Return what a page shows of the search of a record; None if it is another run, or has scored nothing yet."""
    search, members = record.search, record.members
    if search is None or not members:
        return None
    name = _score(search, members)
    sign = _sign(name)

    def worth(candidate: Candidate) -> tuple[float, int]:
        found = candidate.measures.get(name)
        return (float("-inf") if found is None else sign * found.value), -candidate.id

    ranked = tuple(sorted((one for one in members if one.status == "member"), key=worth, reverse=True))

    def better(before: Candidate, new: Candidate) -> Candidate:
        return new if worth(new)[0] > worth(before)[0] else before

    best: Iterator[Candidate] = accumulate(members, better)
    best_so_far = tuple({one.id: one for one in best}.values())
    sample = _sample(members, best_so_far)
    chosen = () if search.best is None else (search.best,)
    if search.front is not None or search.tradeoff is not None:
        others = spread(search.points, MOST_DRAWN)
    else:
        # What all members need of a memory takes long to compute; the line of the chart joins those of the sample.
        looked_at = sample if main_cost(search) in MEMORIES else members
        frontier = _frontier(search, looked_at, name, sign)
        others = (*search.confirmed, *search.measured, *frontier, *ranked)
    first = tuple({one.id: one for one in (*chosen, *others)}.values())
    room = max(1, MOST_BLOCKS_DRAWN // max(len(one.structure.blocks) for one in first[:MOST_DRAWN])) if first else 0
    drawn = first[: min(MOST_DRAWN, room)]
    return Survey(search, name, sign, ranked, drawn, sample, best_so_far)


def _score(search: SearchResult, members: tuple[Candidate, ...]) -> str:
    """The measure that ranked: that of the proxy if the members have it, otherwise the first of most of them."""
    firsts = Counter(next(iter(one.measures)) for one in members)
    try:
        own = ensembles.find(search.settings.proxy).info.name
    except ZennasError:  # of an installed package that is not here
        own = ""
    if search.settings.objective == "proxy" and sum(own in one.measures for one in members) * 2 > len(members):
        return own
    return firsts.most_common(1)[0][0]


def _sign(name: str) -> float:
    try:
        return float(ensembles.find(name).info.sign)
    except ZennasError:  # a measure of an objective, or of a package that is not here
        return 1.0


def _frontier(search: SearchResult, members: tuple[Candidate, ...], name: str, sign: float) -> tuple[Candidate, ...]:
    """Those with the best score for their cost or less, by what the search is about."""
    about = main_cost(search)

    def cost(one: Candidate) -> float:
        return cost_of(search, one, about)

    best, found = float("-inf"), []
    for one in sorted((one for one in members if name in one.measures), key=lambda one: (cost(one), one.id)):
        value = sign * one.measures[name].value
        if value > best:
            best = value
            found.append(one)
    return spread(tuple(found), MOST_FRONTIER)


def _sample(members: tuple[Candidate, ...], records: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Some of the members, evenly spread, and some of those that were the best when they were proposed."""
    length = max(1, sum(len(str(one.structure)) for one in members[:100]) // min(100, len(members)))
    room = max(20, min(MOST_POINTS, MOST_TEXT // min(length, 3000)))
    found = {one.id: one for part in (spread(members, room), spread(records, room // 4)) for one in part}
    return tuple(found[number] for number in sorted(found))


def spread(candidates: tuple[Candidate, ...], most: int) -> tuple[Candidate, ...]:
    """Return at most `most` of the candidates, evenly spread, with the first and the last."""
    if len(candidates) <= most:
        return candidates
    last = len(candidates) - 1
    return tuple(candidates[round(i * last / (most - 1))] for i in range(most))
