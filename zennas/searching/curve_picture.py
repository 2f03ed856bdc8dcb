"""The picture of a curve over trained networks. Needs matplotlib, the extra `plot`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from zennas.common.numbers import counted
from zennas.searching.curves import BAND, band

if TYPE_CHECKING:
    from zennas.searching.simulating import Simulation

FEWEST = 20
"""In curves of more networks, the first twentieth does not decide the axis: it would squeeze the rest."""


def curve_png(found: Simulation) -> bytes:
    """Return the means of incumbent and oracle over seeds with their bands, as a PNG."""
    from matplotlib.figure import Figure  # not pyplot, which looks for a screen

    figure = Figure(figsize=(6.5, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    curves, x = found.curves, found.curves.evaluations
    maximised, reported = found.columns
    lines = (("incumbent", curves.incumbent, "#1f4e9c", "-"), ("oracle", curves.oracle, "#b45f06", "--"))
    for name, values, color, style in lines:
        low, high = band(values)
        axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
        axes.plot(x, values.mean(axis=0), style, color=color, linewidth=1.5, label=name)
    first = len(x) // 20 if len(x) > FEWEST else 0
    lowest = min(float(band(values)[0, first:].min()) for _, values, _, _ in lines)
    highest = max(float(band(values)[1].max()) for _, values, _, _ in lines)
    margin = 0.05 * max(highest - lowest, 0.1)
    axes.set_ylim(lowest - margin, highest + margin)
    axes.set_xlim(1, max(2, len(x)))
    axes.set_xlabel("trained networks")
    axes.set_ylabel(f"{reported}, %")
    strategy = found.settings.strategy
    axes.set_title(
        f"{strategy}: mean over {counted(found.seeds, 'seed')}, {BAND[0]}th to {BAND[1]}th percentile; "
        f"chosen by {maximised}",
        fontsize=9,
    )
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, loc="lower right")
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
