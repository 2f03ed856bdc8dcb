"""Rank correlation of every proxy with NAS-Bench-201's accuracies, beside the published figures."""

from __future__ import annotations

import os

import numpy as np

from benchmarks._nb201 import ACCURACIES, IMAGES, data_or_leave, run, sample_size
from benchmarks.common import print_machine
from zennas.correlate.report import estimate_text, notes, protocol
from zennas.correlate.result import CorrelateResult
from zennas.correlate.statistics import Statistics, statistics_of
from zennas.tables import AccuracyTable, read
from ZeroShotProxy import PROXIES, ensembles

SAMPLE = 1000
SLOW = ("ntk", "ntk_regression")
"""Two thirds of the time of all proxies together; to have them: NB201_PROXIES=all, or their names."""
PUBLISHED = {
    "eznas_a": "0.80",
    "synflow": "0.74",
    "naswot": "0.76",
    "jacob_cov": "0.73",
    "zico": "0.79",
    "az_nas": "0.89",
    "vkdnw": "0.90",
    "params": "0.74",
    "flops": "0.74",
    "zen": "0.10–0.36",
}
"""Spearman on CIFAR-10, all of the space or large samples of it, as papers and their re-evaluations report it."""


def against(result: CorrelateResult, table: AccuracyTable, dataset: str) -> dict[str, Statistics]:
    """The run's scores against another column of the table."""
    accuracies = np.array([table.accuracy(notation, dataset) for notation in result.sample.notations])
    found = {}
    for name, scores in result.scores.items():
        known = ~np.isnan(scores)
        # A cost's direction is that of its baseline: more is better.
        lower = name not in ("flops", "params", "depth") and not ensembles.find(name).info.higher_is_better
        found[name] = statistics_of(
            (-scores if lower else scores)[known],
            accuracies[known],
            resamples=result.settings.resamples,
            seed=result.settings.seed,
        )
    return found


def main() -> None:
    table_path, images = data_or_leave(ACCURACIES, IMAGES)
    print_machine()
    proxies = tuple(dict.fromkeys(proxy.info.name for proxy in PROXIES if proxy.info.name not in SLOW))
    if "NB201_PROXIES" in os.environ:
        proxies = tuple(os.environ["NB201_PROXIES"].split())
    result = run(
        "nb201-correlation", table=table_path, proxies=proxies, sample=sample_size(SAMPLE), data=str(images), seed=0
    )
    print(f"{result.seconds:,.0f} s of scoring; the run is in {result.folder.name}/")
    on_100 = against(result, read(table_path), "cifar100")
    print(
        f"{'':16} {'CIFAR-10':20} {'':20} {'published':10} {'CIFAR-100':20}\n"
        f"{'proxy':16} {'Spearman':20} {'Kendall':20} {'Spearman':10} {'Spearman':20} {'Kendall':20} failed"
    )
    for row in result.rows:
        here, there = row.statistics, on_100[row.name]
        print(
            f"{row.name:16} {estimate_text(here.spearman):20} {estimate_text(here.kendall):20} "
            f"{PUBLISHED.get(row.name, ''):10} {estimate_text(there.spearman):20} {estimate_text(there.kendall):20} "
            f"{row.failures or ''}"
        )
    for line in protocol(result):
        print(line)
    print("CIFAR-100: the same scores, of networks with 10 classes on CIFAR-10 images, against CIFAR-100 accuracy")
    for line in notes(result):
        print(line)


if __name__ == "__main__":
    main()
