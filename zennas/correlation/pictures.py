"""Scatter plots of accuracy against score, with one dot per architecture. Needs matplotlib, the extra `plot`."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np

from PlainNet.files import write_bytes
from zennas.correlation.result import CorrelateResult, Row
from zennas.correlation.summary import estimate_text

WIDE = 1000.0
"""Positive scores that span more than this factor are drawn on a logarithmic axis."""


def picture_name(name: str) -> str:
    """Return the file name for a proxy: `vote-snip-synflow.png` for `vote(snip+synflow)`."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-") + ".png"


def write_pictures(result: CorrelateResult, folder: Path) -> None:
    """Write one plot for each proxy that has a score to `folder`. Raises OSError."""
    for row in result.rows:
        if row.count:
            write_bytes(folder / picture_name(row.name), _scatter(result, row))


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
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
