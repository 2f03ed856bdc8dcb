"""The hypervolume of a search for several goals over its iterations."""

from __future__ import annotations

from zennas.common.numbers import format_count
from zennas.pages.charts import Axis, Chart, Point, Series
from zennas.pages.parts import Part, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register


def parts(record: Record) -> list[Part]:
    """What the hypervolume is measured against, and its course; nothing for other searches."""
    found = None if record.search is None else record.search.tradeoff
    if found is None or found.hypervolume is None:
        return []
    volume = found.hypervolume
    reference = ", ".join(f"{goal.name} {format_count(volume.reference[goal.name])}" for goal in found.goals)
    unit = ", ".join(format_count(volume.unit[goal.name]) for goal in found.goals)
    about = (
        "The hypervolume is the volume of all values of the goals that some network of the front reaches or beats. It "
        f"is measured from the worst value of each goal in the first generation ({reference}), in units of the "
        f"difference between the best and the worst there ({unit}). It grows as the front moves on or becomes denser."
    )
    points = tuple(Point((tried, value), f"{tried:,} structures tried") for tried, value in volume.history)
    return [
        Text(about, quiet=True),
        Chart(
            f"Hypervolume over {volume.history[-1][0]:,} structures, at the end {volume.value:.4g}",
            (Axis("structures tried"), Axis("hypervolume")),
            (0,),
            (1,),
            (Series("hypervolume", "line", points),),
        ),
    ]


register(Section("hypervolume", "How the front grew", 35, parts))
