"""Rank correlation of every proxy with NAS-Bench-201's accuracies, next to the published figures."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._nb201 import ACCURACIES, IMAGES, data_or_leave, run, sample_size
from benchmarks.common import print_machine
from zennas.accuracy.tables import AccuracyTable, read
from zennas.common.environment import can_draw
from zennas.correlation.result import BASELINES, CorrelateResult, Row, direction, failures_last
from zennas.correlation.statistics import Estimate, Statistics, statistics_of
from zennas.correlation.summary import estimate_text, notes, protocol
from ZeroShotProxy import PROXIES

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "nb201-worth.png"
SAMPLE = 1000
NTK = ("ntk", "ntk_regression")
"""These need one backward pass per image, so they get a separate run with fewer architectures and images."""
OTHERS: dict[str, dict[str, Any]] = {
    "nb201-ntk": {"proxies": NTK, "sample": 300, "batch_size": 16},
    "nb201-eznas": {"proxies": ("eznas_a",), "batch_size": 16, "seeds": 3},
    "nb201-zico": {"proxies": ("zico",), "batch_size": 256},
    "nb201-kaiming": {"proxies": ("zico", "jacob_cov"), "initialisation": "kaiming_fan_in"},
}
"""Separate runs: with the batches of the papers, 16 images for EZNAS-A, two mini-batches of 128 for ZiCo; and
with the weights with which AZ-NAS's and VKDNW's authors compare proxies."""
PUBLISHED = {
    "eznas_a": 0.80,
    "synflow": 0.74,
    "naswot": 0.76,
    "jacob_cov": 0.73,
    "zico": 0.79,
    "az_nas": 0.89,
    "vkdnw": 0.90,
    "params": 0.74,
    "flops": 0.74,
}
"""Spearman on CIFAR-10 for the whole space or large samples, as reported by papers and re-evaluations.
Zen-scores are known to be weak here: 0.10 to 0.36 in the same sources."""


def against(
    result: CorrelateResult, table: AccuracyTable, dataset: str, split: str = "test"
) -> dict[str, tuple[Statistics, float]]:
    """Compare the scores with another column of the table; also return Spearman with failures ranked last."""
    accuracies = np.array([table.accuracy(notation, dataset, split) for notation in result.sample.notations])
    found = {}
    for name, scores in result.scores.items():
        higher = direction(name) * scores
        known = ~np.isnan(higher)
        statistics = statistics_of(
            higher[known], accuracies[known], resamples=result.settings.resamples, seed=result.settings.seed
        )
        last = failures_last(higher, accuracies, np.flatnonzero(~known).tolist())
        found[name] = statistics, math.nan if last is None else last
    return found


def show(result: CorrelateResult, table: AccuracyTable) -> None:
    print(f"{result.seconds:,.0f} s of scoring; the run is in {result.folder.name}/")
    test, val = against(result, table, "cifar10"), against(result, table, "cifar10", "val")
    on_100 = against(result, table, "cifar100")
    print(
        f"{'':22} {'CIFAR-10 test':50} {'validation':20} {'published':14} {'CIFAR-100 test'}\n"
        f"{'proxy':22} {'Spearman':21} {'Kendall':21} {'all':6} {'Spearman':13} {'all':6} {'Spearman':14} "
        f"{'Spearman':21} {'Kendall':21} failed"
    )
    for row in result.rows:
        (here, here_all), (there, there_all), (other, _) = test[row.name], val[row.name], on_100[row.name]
        print(
            f"{row.name:22} {estimate_text(here.spearman):21} {estimate_text(here.kendall):21} {here_all:<6.3f} "
            f"{value_text(there.spearman):13} {there_all:<6.3f} {verdict(row.name, here_all, there_all):14} "
            f"{estimate_text(other.spearman):21} {estimate_text(other.kendall):21} {row.failures or ''}"
        )
    for line in protocol(result):
        print(line)
    print("all: Spearman with the architectures that failed ranked last, as public code does; published against that")
    print(
        "validation: after training on half of the images. CIFAR-100: the same scores, of networks with 10 classes on"
    )
    print("CIFAR-10 images, against CIFAR-100 accuracy")
    for line in notes(result):
        print(line)


def value_text(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.3f}"


def picture(rows: Sequence[Row]) -> None:
    """Plot Spearman of each proxy with its interval, baselines in a darker colour, and the published figures."""
    if not can_draw():
        return
    from matplotlib.figure import Figure

    known = [(row, row.statistics.spearman) for row in rows if row.statistics.spearman is not None]
    ordered = sorted(known, key=lambda pair: pair[1].value)
    figure = Figure(figsize=(7, 0.22 * len(ordered) + 1), dpi=130, layout="constrained")
    axes = figure.subplots()
    for i, (row, found) in enumerate(ordered):
        colour = "#333333" if row.name in BASELINES else "#1f5fa8"
        axes.plot([found.low, found.high], [i, i], color=colour, linewidth=1)
        axes.plot([found.value], [i], "o", color=colour, markersize=4)
        if row.name in PUBLISHED:
            axes.plot([PUBLISHED[row.name]], [i], "|", color="#c1440e", markersize=9, markeredgewidth=2)
    axes.set_yticks(range(len(ordered)), [row.name for row, _ in ordered], fontsize=8)
    axes.set_xlabel("Spearman with CIFAR-10 test accuracy, 95 % interval; | as published")
    axes.grid(axis="x", linewidth=0.3)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE)
    print(f"picture: {PICTURE.relative_to(PICTURE.parents[2])}")


def verdict(name: str, test: float, validation: float) -> str:
    """Return the published figure, and the accuracies on which ours is at least as high."""
    if name not in PUBLISHED:
        return "0.10–0.36" if name == "zen" else ""
    least = PUBLISHED[name]
    where = "test" if round(test, 2) >= least else "validation" if round(validation, 2) >= least else "MISSED"
    return f"{least:.2f} {where}"


def main() -> None:
    table_path, images = data_or_leave(ACCURACIES, IMAGES)
    print_machine()
    table, sample = read(table_path), sample_size(SAMPLE)
    if sys.argv[1:]:  # python -m benchmarks.nb201_correlation meco: only these proxies, in a run of their own
        name = f"nb201-{'-'.join(sys.argv[1:])}"
        show(run(name, table=table_path, data=str(images), seed=0, proxies=tuple(sys.argv[1:]), sample=sample), table)
        return
    proxies = tuple(dict.fromkeys(proxy.info.name for proxy in PROXIES if proxy.info.name not in NTK))
    most = run("nb201-correlation", table=table_path, proxies=proxies, sample=sample, data=str(images), seed=0)
    show(most, table)
    rows = list(most.rows)
    for name, settings in OTHERS.items():
        print()
        own = {**settings, "sample": min(sample, settings.get("sample", sample))}
        result = run(name, table=table_path, data=str(images), seed=0, **own)
        show(result, table)
        rows += [row for row in result.rows if row.name in NTK]
    picture(rows)


if __name__ == "__main__":
    main()
