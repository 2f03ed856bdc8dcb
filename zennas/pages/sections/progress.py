"""How a search came to its result: scores over its iterations, and what was turned away."""

from __future__ import annotations

from zennas.common.numbers import counted, format_count
from zennas.pages.charts import Axis, Chart, Point, Series
from zennas.pages.parts import Bar, Bars, Part, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register
from zennas.pages.survey import Survey, spread, survey
from zennas.searching.result import SearchResult

_STAIRS = 200
"""Most steps of the line of the best so far."""
_REASONS = {
    "start": "met before one within the budget",
    "broken": "not a network that can be built",
    "duplicate": "met again",
    "score": "score too low",
    "failed": "scoring failed",
    "params": "too many parameters",
    "flops": "too many FLOPs",
    "layers": "too many layers",
    "activations": "too many activations",
    "ram": "too much RAM",
    "flash": "too much flash",
    "rules": "against the rules of the chip",
}
_REASONS_OF_DEVICES = {
    "no latency ": "no latency is known on",
    "outside profile ": "outside what was measured on",
    "latency ": "too slow on",
}
"""How the reasons begin that name a device."""


def parts(record: Record) -> list[Part]:
    """The progress as a chart, and the reasons for which structures were rejected."""
    if record.search is None:
        return []
    known, found = survey(record), list[Part]()
    if known is not None and record.search.tradeoff is None:  # several goals have no best so far
        found.append(_chart(known))
    rejected = _rejected(record.search)
    if rejected is not None:
        found.append(rejected)
    for message, number in record.search.failures.items():
        found.append(Text(f"Scoring failed {counted(number, 'time')}: {message}.", quiet=True))
    return found


def _chart(known: Survey) -> Chart:
    axes = (Axis("iteration"), Axis(known.score), *known.cost_axes)
    dots = tuple(known.point(one, (one.iteration, known.value(one), *known.costs(one))) for one in known.sample)
    stairs = [
        Point((max(1, one.iteration), known.value(one), *known.costs(one)), "the best so far", one.id)
        for one in spread(known.best_so_far, _STAIRS)
    ]
    if stairs:  # the line goes on to the end
        last = stairs[-1]
        stairs.append(Point((known.search.counts["tried"], *last.values[1:]), last.title, last.network))
    return Chart(
        f"Scores of the networks that the search kept, over its {known.search.counts['tried']:,} iterations",
        axes,
        (0,),
        (1, *range(2, len(axes))),
        (Series("kept for a while", "faint", dots), Series("best so far", "step", tuple(stairs))),
    )


def _rejected(search: SearchResult) -> Bars | None:
    tried = search.counts["tried"]
    counts = {name: number for name, number in search.counts["rejected"].items() if number}
    if not tried or not counts:
        return None
    kept = max(0, tried - sum(counts.values()))
    bars = [
        Bar(_reason(name), number / tried, format_count(number))
        for name, number in sorted(counts.items(), key=lambda one: -one[1])
    ]
    last = Bar("kept for a while", kept / tried, format_count(kept))
    return Bars(f"What became of the {tried:,} structures", (*bars, last))


def _reason(name: str) -> str:
    for beginning, words in _REASONS_OF_DEVICES.items():
        if name.startswith(beginning):
            return f"{words} {name.removeprefix(beginning)}"
    return _REASONS.get(name, name)


register(Section("progress", "How it went", 40, parts))
