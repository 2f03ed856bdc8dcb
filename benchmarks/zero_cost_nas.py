"""Searches of NAS-Bench-201 with and without the help of a proxy, on CIFAR-100, against published and exact curves.

The figures beside ours are those of the experiments of Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR
2021, computed again from the same public tables, means over 200 seeds. ZERO_COST_SEEDS: another number of seeds.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._nb201 import ACCURACIES, data_or_leave
from benchmarks.common import print_machine
from SearchSpace.nasbench201 import Cell201, network
from zennas.accuracy.tables import AccuracyTable, read
from zennas.accuracy.tables.base import Floats
from zennas.api import simulate
from zennas.searching.curves import standard_error
from zennas.searching.simulating import Simulation

SYNFLOW = "nb201_proxies_freerea_cifar100.csv.gz"
MARKS = (1, 10, 20, 50, 64, 100, 150, 200, 300)
KNOWN: dict[str, tuple[float | tuple[float, float] | None, ...]] = {
    "random": (61.39, 69.9, 70.5, 71.1, 71.3, 71.6, 71.8, 72.0, 72.2),
    "random, warm-up 1000": (70.8, 72.51, 72.69, 72.84, 72.86, 72.88, 72.89, 72.89, 72.89),
    "random, warm-up 3000": (71.05, 72.79, 72.92, 73.09, 73.11, 73.12, 73.16, 73.18, 73.18),
    "aging": (61.39, 69.9, 70.5, 71.1, 71.3, 72.39, 73.05, 73.32, 73.49),
    "aging, warm-up 1000": (70.8, 72.51, 72.69, 72.84, 72.86, 73.15, 73.35, 73.43, 73.50),
    "aging, warm-up 3000": (71.05, 72.79, 72.92, 73.09, 73.11, 73.26, 73.38, 73.45, 73.50),
    "aging, move": (61.39, 69.9, 70.5, 71.1, 71.3, (73.2, 73.44), (73.4, 73.5), (73.4, 73.5), 73.5),
    "aging, warm-up 3000 and move": (71.05, 72.79, 72.92, 73.09, 73.11, 73.51, 73.51, 73.51, 73.51),
}
"""The oracle after `MARKS` trained networks; a pair is the range over two public tables of synflow."""
KNOWN_INCUMBENT = {
    "random": 72.10,
    "random, warm-up 1000": 72.75,
    "random, warm-up 3000": 72.93,
    "aging": 73.47,
    "aging, warm-up 3000": 73.49,
}
"""The incumbent after 300."""
KNOWN_MEDIAN = {
    "aging": 156,
    "aging, warm-up 1000": 106,
    "aging, warm-up 3000": 88,
    "aging, move": 80,
    "aging, warm-up 3000 and move": 66,
}
"""Median trained networks until the oracle has `GOAL`."""
GOAL = 73.2
VARIANT_MARKS = (50, 100, 200, 300)
VARIANTS: dict[str, tuple[dict[str, Any], tuple[float, ...]]] = {
    "as published": ({}, (71.06, 72.24, 73.24, 73.47)),
    "duplicates rejected": ({"duplicates": "rejected"}, (71.06, 72.34, 73.30, 73.46)),
    "tournament of 5": ({"tournament": 5}, (71.06, 71.98, 72.87, 73.24)),
    "tournament of 64": ({"tournament": 64}, (71.06, 72.80, 73.32, 73.39)),
    "begun with 3x3 convolutions": (
        {"initial": str(network(Cell201((3, 3, 3, 3, 3, 3))))},
        (73.06, 73.34, 73.49, 73.51),
    ),
}
"""Variants of aging evolution, and the incumbent after `VARIANT_MARKS`, over 100 seeds."""
EXACT_N = (1, 10, 50, 64, 100, 300)
EXACT = {
    "cifar10": (87.06, 93.09, 93.69, 93.75, 93.85, 94.04),
    "cifar100": (61.39, 69.82, 71.11, 71.28, 71.57, 72.25),
}
"""Expected best test accuracy of n uniform draws."""
EXACT_INCUMBENT = {"cifar10": {50: 93.61, 100: 93.78, 300: 93.96}, "cifar100": {50: 70.99, 100: 71.44, 300: 72.12}}
"""Expected test accuracy of the best of n draws by validation."""


def best_of(values: Floats, order: Floats, n: int) -> float:
    """Return the expected value of the best by `order` of n uniform draws with replacement, in closed form."""
    places = np.argsort(order, kind="stable")
    below = np.arange(len(order) + 1) / len(order)
    return float(values[places] @ np.diff(below**n))


def print_exact(table: AccuracyTable) -> None:
    for dataset, known in EXACT.items():
        test, val = table.column(dataset, "test"), table.column(dataset, "val")
        for n, figure in zip(EXACT_N, known, strict=True):
            chosen = EXACT_INCUMBENT[dataset].get(n)
            text = "" if chosen is None else f"; by validation {best_of(test, val, n):.2f} (reference {chosen})"
            print(
                f"{dataset}, best test accuracy of {n} draws: {best_of(test, test, n):.2f} (reference {figure}){text}"
            )


def helped(name: str, scores: Path) -> dict[str, Any]:
    """Return the settings that the name of a row stands for."""
    strategy, *helps = name.replace(" and ", ", ").split(", ")
    more: dict[str, Any] = {}
    for one in helps:
        more |= {"move_proposal": 24} if one == "move" else {"warm_up": int(one.removeprefix("warm-up "))}
    if more:
        more["warm_up_proxy"] = f"table:{scores}:cifar100_synflow"
    return {"strategy": strategy, **more}


def searched(table: Path, seeds: int, **settings: Any) -> tuple[Simulation, float]:
    """Carry out one search for each seed, and return the curves and the seconds that they took."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = simulate(
            seeds=seeds,
            search_space="nasbench201",
            objective=f"table:{table}:c100_val",
            report_column="c100_test",
            budget_evaluations=MARKS[-1],
            save_dir=Path(folder) / "curve",
            **settings,
        )
    return found, time.perf_counter() - began


def print_row(name: str, found: Simulation, seconds: float) -> list[float]:
    """Print a row, and return how far it lies beyond the figures at the marks, in points."""
    curves, beyond = found.curves, []
    print(f"{name} ({seconds:.0f} s):")
    for title, values in (("oracle", curves.oracle), ("incumbent", curves.incumbent)):
        cells = [f"{values[:, k - 1].mean():.2f}±{1.96 * standard_error(values[:, k - 1]):.2f}" for k in MARKS]
        print(f"  {title:10}{' '.join(f'{cell:>11}' for cell in cells)}")
    shown = []
    for k, known in zip(MARKS, KNOWN[name], strict=True):
        low, high = known if isinstance(known, tuple) else (known, known)
        if low is None or high is None:
            continue
        mean = float(curves.oracle[:, k - 1].mean())
        beyond.append(max(low - mean, mean - high, 0.0))
        shown.append(f"{low:.2f}" if low == high else f"{low:g}-{high:g}")
    print(f"  {'reference':10}{' '.join(f'{cell:>11}' for cell in shown)}")
    reached = np.where((curves.oracle >= GOAL).any(axis=1), (curves.oracle >= GOAL).argmax(axis=1) + 1, np.inf)
    median = float(np.median(reached))
    notes = [f"median trained networks to {GOAL} %: {median:.0f}" if np.isfinite(median) else f"most miss {GOAL} %"]
    notes += [f"reference {KNOWN_MEDIAN[name]}"] if name in KNOWN_MEDIAN else []
    notes += [f"incumbent at 300, reference {KNOWN_INCUMBENT[name]}"] if name in KNOWN_INCUMBENT else []
    notes += [f"networks ranked by synflow for each search: {curves.ranked:,.0f}"] if curves.ranked else []
    print(f"  {'; '.join(notes)}")
    return beyond


def main() -> None:
    accuracies, scores = data_or_leave(ACCURACIES, SYNFLOW)
    seeds = int(os.environ.get("ZERO_COST_SEEDS", 200))
    print_machine()
    print_exact(read(accuracies))
    print()
    print(
        f"CIFAR-100 test accuracy in percent, means over {seeds} seeds ± 1.96 standard errors, after trained networks:"
    )
    print(f"  {'':10}{' '.join(f'{k:>11}' for k in MARKS)}")
    worst = 0.0
    for name in KNOWN:
        beyond = print_row(name, *searched(accuracies, seeds, **helped(name, scores)))
        worst = max(worst, *beyond[1:])  # a single network varies by 12 points
    print(f"largest difference from the reference, from 10 trained networks on: {worst:.2f} points")
    print()
    print(f"aging evolution, incumbent after {', '.join(map(str, VARIANT_MARKS))}, means over {seeds // 2} seeds:")
    for name, (settings, known) in VARIANTS.items():
        found, _ = searched(accuracies, seeds // 2, strategy="aging", **settings)
        here = [found.curves.incumbent[:, k - 1] for k in VARIANT_MARKS]
        shown = " ".join(f"{values.mean():.2f}±{1.96 * standard_error(values):.2f}" for values in here)
        print(f"  {name:28} {shown} (reference {' '.join(f'{one:.2f}' for one in known)})")


if __name__ == "__main__":
    main()
