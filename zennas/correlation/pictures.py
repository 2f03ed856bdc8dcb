"""Scatter plots with one dot per architecture: accuracy against score, and against cost with what each score picks.

Needs matplotlib, the extra `plot`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from PlainNet.files import write_bytes
from zennas.common.numbers import format_count
from zennas.correlation.choices import RANDOM, Choices, Regret
from zennas.correlation.regret import first_picks
from zennas.correlation.result import BASELINES, CorrelateResult, Row, direction
from zennas.correlation.statistics import Floats
from zennas.correlation.summary import estimate_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE = 1000.0
"""Positive scores that span more than this factor are drawn on a logarithmic axis."""
WIDE_COST = 20.0
"""The same for costs."""
REGRET = "regret"
"""What the file names of pictures of design regrets begin with."""
BEST_BASELINES, BEST_PROXIES = 2, 5
"""How many lines of picks are drawn, of the smallest mean regret; beside them one for the pick at random."""
_MARKERS, _GREYS = "osD^vPX", ("#222222", "#777777")
"""Of the lines of picks; of the lines of baselines."""


def picture_name(name: str) -> str:
    """Return the file name for a proxy: `vote-snip-synflow.png` for `vote(snip+synflow)`."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-") + ".png"


def write_pictures(result: CorrelateResult, folder: Path) -> None:
    """Write one plot for each proxy that has a score, and for each kind of budget, to `folder`. Raises OSError."""
    for row in result.rows:
        if row.count:
            write_bytes(folder / picture_name(row.name), _scatter(result, row))
    for regret in result.regret:
        if regret.kind.costs is not None:
            name = picture_name(f"{REGRET}-{regret.kind.name}")
            write_bytes(folder / name, _designs(result, regret, regret.kind.costs))


def _scatter(result: CorrelateResult, row: Row) -> bytes:
    from matplotlib.figure import Figure  # not pyplot, which looks for a screen

    scores = result.scores[row.name]
    there = ~np.isnan(scores)
    x, y = scores[there], np.asarray(result.sample.accuracies)[there]
    figure = Figure(figsize=(5, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.scatter(x, y, s=8, alpha=0.4, linewidths=0)
    if x.min() > 0 and x.max() > WIDE * x.min():
        axes.set_xscale("log")
    settings, statistics = result.settings, row.statistics
    axes.set_xlabel(row.name)
    axes.set_ylabel(f"{settings.dataset} {settings.split} accuracy, %")
    axes.set_title(
        f"Spearman {estimate_text(statistics.spearman)}\nKendall {estimate_text(statistics.kendall)}", fontsize=10
    )
    return _png(figure)


def _designs(result: CorrelateResult, regret: Regret, costs: Floats) -> bytes:
    """Accuracy against cost: all architectures, the best within each budget, and what the scores pick."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    accuracies, kind = np.asarray(result.sample.accuracies), regret.kind
    figure = Figure(figsize=(8.5, 4.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.scatter(costs, accuracies, s=6, color="#9aa5b1", alpha=0.35, linewidths=0, rasterized=True)
    order = np.argsort(costs, kind="stable")[: int((~np.isnan(costs)).sum())]
    axes.step(
        costs[order], np.maximum.accumulate(accuracies[order]), where="post", color="#222222", linewidth=1.3,
        label="best that fits",
    )  # fmt: skip
    limits = [one.limit for one in kind.scenarios if one.limit is not None]
    for limit in limits:
        axes.axvline(limit, color="#222222", linewidth=0.4, linestyle=":")
    lowest, markers, greys = min(one.best for one in kind.scenarios), iter(_MARKERS), iter(_GREYS)
    for row in relevant(regret.rows):
        drawn = [estimate.value for estimate in row.by_budget if estimate is not None]
        there = [i for i, estimate in enumerate(row.by_budget) if estimate is not None]
        reached = [kind.scenarios[i].best - value for i, value in zip(there, drawn, strict=True)]
        if not reached:
            continue
        label = f"{row.name} ({'–' if row.mean is None else f'{row.mean.value:.2f}'})"
        if row.name == RANDOM:
            axes.plot([limits[i] for i in there], reached, "--", color="#888888", linewidth=1, label=label)
            continue  # nor does it decide what the picture shows: it is often far below
        lowest = min(lowest, *reached)
        picks = first_picks(direction(row.name) * result.scores[row.name], kind.fits)
        x = [float(costs[picks[i]].mean()) for i in there]  # of picks that share the highest score
        (line,) = axes.plot(x, reached, marker=next(markers), markersize=5, linewidth=1, alpha=0.9, label=label)
        if row.name in BASELINES:
            line.set(color=next(greys), markerfacecolor="white")
    highest = float(accuracies[order].max())
    margin = 0.06 * max(highest - lowest, 0.1)
    axes.set_ylim(lowest - margin, highest + margin)
    shown = costs[order][accuracies[order] >= lowest - margin]
    left, right = float(shown.min()), float(shown.max())
    if left > 0 and right > WIDE_COST * left:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(left / 1.1, right * 1.1)
    else:
        axes.set_xlim(left - 0.03 * (right - left), right + 0.03 * (right - left))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}" if kind.unit else format_count(value))
    axes.set_xlabel(f"{kind.name}{f', {kind.unit}' if kind.unit else ''}")
    axes.set_ylabel(f"{result.settings.dataset} {result.settings.split} accuracy, %")
    hidden = len(order) - len(shown)
    below = f"; {hidden:,} of {len(order):,} architectures lie below" if hidden else ""
    axes.set_title(f"picks within {kind.name}, with their mean design regret{below}", fontsize=9)
    figure.legend(fontsize=7, loc="outside right upper")
    return _png(figure)


def relevant(rows: Sequence[Choices]) -> list[Choices]:
    """Return the rows that are drawn: the pick at random, and the baselines and proxies of the smallest mean regret."""
    known = [row for row in rows if row.mean is not None]  # ordered by their mean
    baselines = [row for row in known if row.name in BASELINES]
    proxies = [row for row in known if row.name not in (RANDOM, *BASELINES)]
    return [*(row for row in known if row.name == RANDOM), *baselines[:BEST_BASELINES], *proxies[:BEST_PROXIES]]


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
