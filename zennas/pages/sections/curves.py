"""How good the best network of a simulated search is, over trained networks and over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zennas.common.numbers import counted
from zennas.pages.charts import Axis, Chart, Point, Series
from zennas.pages.parts import Note, Part, Text
from zennas.pages.record import Record
from zennas.pages.section import Section, register

if TYPE_CHECKING:
    from zennas.searching.simulations.curves import Floats

MOST_POINTS = 400
"""Points of each line."""


def parts(record: Record) -> list[Part]:
    """What incumbent and oracle are, and a chart over each of trained networks and seconds."""
    found = record.simulation
    if found is None:
        return []
    import numpy as np

    from zennas.searching.simulations.curves import BAND

    curves, (maximised, reported) = found.curves, found.columns
    about = (
        f"The incumbent is the {reported} of the network that is best by {maximised}: what a user gets. The oracle is "
        f"the best {reported} among all networks so far, which published curves show; nobody can choose that network "
        f"without looking at the test images. Lines are means over {counted(len(curves.oracle), 'seed')}, and areas "
        f"around them go from the {BAND[0]}th to the {BAND[1]}th percentile."
    )
    early = len(curves.oracle) - curves.complete
    notes = []
    if early:
        notes.append(
            Note(
                f"{early:,} of {counted(len(curves.oracle), 'seed')} ended before {curves.evaluations[-1]:,} trained "
                "networks; their curves go on with the last value."
            )
        )
    timed = curves.over_seconds()
    number = Axis("trained networks")
    return [
        *notes,
        Text(about, quiet=True),
        _chart("trained networks", number, np.asarray(curves.evaluations, float), curves.incumbent, curves.oracle),
        _chart("seconds", Axis(f"time, {found.timed}", "s"), timed.seconds, timed.incumbent, timed.oracle),
    ]


def _chart(over: str, axis: Axis, x: Floats, incumbent: Floats, oracle: Floats) -> Chart:
    import numpy as np

    from zennas.searching.simulations.curves import band

    places = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int))

    def points(name: str, line: Floats) -> tuple[Point, ...]:
        return tuple(Point((float(x[i]), float(line[i])), name) for i in places)

    series = []
    for name, values in (("incumbent", incumbent), ("oracle", oracle)):
        low, high = band(values)
        series.append(Series(name, "line", points(name, values.mean(axis=0))))
        series.append(Series(name, "band", (*points(name, low), *points(name, high)[::-1])))
    ends = incumbent[:, -1].mean(), oracle[:, -1].mean()
    label = f"Accuracy over {over}: at the end, incumbent {ends[0]:.2f} %, oracle {ends[1]:.2f} %"
    return Chart(label, (axis, Axis("accuracy", "%")), (0,), (1,), tuple(series))


register(Section("curves", "How fast it finds good networks", 20, parts))
