"""How the programs of a search evolved: fitness, validity, and where programs came from."""

from __future__ import annotations

from collections import Counter

from zennas.common.numbers import counted, format_count
from zennas.pages.charts import Axis, Chart, Point, Series
from zennas.pages.drawing import cut
from zennas.pages.parts import Bar, Bars, Beside, Part
from zennas.pages.record import Record
from zennas.pages.section import Section, register

_LONGEST = 300
"""Characters of a program beside a point."""
_WORDS = {
    "random": "drawn at random",
    "replacement": "drawn instead of one that is not valid",
    "crossover": "a program with a part of another",
    "mutation": "a program with a new part",
    "copy": "copies",
}


def parts(record: Record) -> list[Part]:
    """The best and the median fitness and the share of valid programs by generation; nothing before the first one."""
    found = record.discovery
    if found is None or not found.generations:
        return []
    stages = found.generations
    best = tuple(Point((one.number, one.best.value), cut(one.best.program, _LONGEST)) for one in stages)
    middle = tuple(Point((one.number, one.median), "the median") for one in stages)
    valid = tuple(Point((one.number, 100 * one.valid), counted(one.evaluated, "program")) for one in stages)
    generation = Axis("generation", whole=True)
    fitness = Chart(
        "Fitness by generation: the smallest Kendall τ of all tasks, on networks that are drawn anew each time",
        (generation, Axis("fitness")),
        (0,),
        (1,),
        (Series("best", "line", best), Series("median", "quiet line", middle)),
    )
    validity = Chart(
        "Share of the evaluated programs that are valid, by generation",
        (generation, Axis("valid programs", "%")),
        (0,),
        (1,),
        (Series("valid", "line", valid),),
    )
    origins = Counter(member.origin for one in stages for member in one.members)
    total = sum(origins.values())
    bars = tuple(
        Bar(_WORDS.get(name, name), number / total, format_count(number)) for name, number in origins.most_common()
    )
    return [Beside((fitness, validity)), Bars("Where the valid programs came from", bars)]


register(Section("evolution", "How it went", 40, parts))
