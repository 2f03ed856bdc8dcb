"""The picture of a curve over trained networks. Needs matplotlib, the extra `plot`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from zennas.common.numbers import counted
from zennas.searching.simulations.curves import BAND, Curves, Floats, band

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from zennas.searching.simulations.running import Simulation

FEWEST = 20
"""In curves of more networks, the first twentieth does not decide the axis: it would squeeze the rest."""


def curve_png(found: Simulation) -> bytes:
    """Return the means of incumbent and oracle over seeds with their bands, over trained networks and over seconds, as
    a PNG.
    """
    from matplotlib.figure import Figure  # not pyplot, which looks for a screen

    figure = Figure(figsize=(11, 4), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    curves, (maximised, reported) = found.curves, found.columns
    timed = curves.over_seconds()
    evaluations = np.asarray(curves.evaluations, dtype=np.float64)
    _draw(left, evaluations, curves.incumbent, curves.oracle)
    _draw(right, timed.seconds, timed.incumbent, timed.oracle)
    left.set_ylim(*_range(curves))
    left.set_xlim(1, max(2, len(evaluations)))
    left.set_xlabel("trained networks")
    left.set_ylabel(f"{reported}, %")
    right.set_xlabel(f"seconds, {found.timed}")
    figure.suptitle(
        f"{found.settings.strategy}: mean over {counted(len(curves.oracle), 'seed')}, {BAND[0]}th to {BAND[1]}th "
        f"percentile; chosen by {maximised}",
        fontsize=9,
    )
    left.legend(fontsize=8, loc="lower right")
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _draw(axes: Axes, x: Floats, incumbent: Floats, oracle: Floats) -> None:
    lines = (("incumbent", incumbent, "#1f4e9c", "-"), ("oracle", oracle, "#b45f06", "--"))
    for name, values, color, style in lines:
        low, high = band(values)
        axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
        axes.plot(x, values.mean(axis=0), style, color=color, linewidth=1.5, label=name)
    axes.grid(alpha=0.25)


def _range(curves: Curves) -> tuple[float, float]:
    evaluations = curves.incumbent.shape[1]
    first = evaluations // 20 if evaluations > FEWEST else 0
    bands = [band(values) for values in (curves.incumbent, curves.oracle)]
    lowest, highest = min(float(one[0, first:].min()) for one in bands), max(float(one[1].max()) for one in bands)
    margin = 0.05 * max(highest - lowest, 0.1)
    return lowest - margin, highest + margin
