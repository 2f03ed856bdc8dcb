"""Searches of NAS-Bench-201 with and without the help of a proxy, on CIFAR-10 and CIFAR-100, against known curves.

The figures beside ours are those of the experiments of Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR
2021, computed again from the same public tables, means over 200 seeds. ZERO_COST_SEEDS: another number of seeds. The
predictor, of which a search takes seconds, is in `predictor_search.py`.
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
from SearchSpace import load_space
from SearchSpace.nasbench201 import Cell201, network
from zennas.accuracy.lookup import ColumnName, Trained
from zennas.accuracy.tables import AccuracyTable, read
from zennas.accuracy.tables.base import Floats
from zennas.api import simulate
from zennas.searching.simulations.curves import standard_error
from zennas.searching.simulations.running import Simulation

SYNFLOW = {"c10": "nb201_proxies_freerea_cifar10.csv.gz", "c100": "nb201_proxies_freerea_cifar100.csv.gz"}
NAMES = {"c10": "cifar10", "c100": "cifar100"}
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
FURTHER = (
    "random, move",
    "random, warm-up 3000 and move",
    "reinforce",
    "reinforce, warm-up 1000",
    "reinforce, warm-up 3000",
    "reinforce, move",
    "reinforce, warm-up 3000 and move",
)
"""Searches without known curves."""
ROWS = dict.fromkeys(("c100", "c10"), (*KNOWN, *FURTHER))
"""The searches of each data set. A move of aging scores 24 networks, one of the others 10."""
MOVES = {"aging": 24, "random": 10, "reinforce": 10}
DRAWS, FIRST = 20_000, 64
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


def print_warm_ups(table: AccuracyTable, file: Path, scores: Path) -> None:
    """Print what random search with a warm-up reaches, from many draws of the tables alone."""
    test = table.column("cifar100", "test")
    synflow = Trained(str(file), load_space("nasbench201")).joined(ColumnName(str(scores), "cifar100_synflow"))
    ranked, rng = np.where(np.isfinite(synflow), synflow, -np.inf), np.random.default_rng(0)
    for warm_up in (1000, 3000):
        sums = np.zeros(FIRST)
        for _ in range(DRAWS):
            drawn = rng.integers(0, len(test), warm_up)
            best = drawn[np.argsort(-ranked[drawn], kind="stable")[:FIRST]]
            sums += np.maximum.accumulate(test[best])
        shown = " ".join(f"{sums[k - 1] / DRAWS:.2f}" for k in MARKS if k <= FIRST)
        known = " ".join(str(KNOWN[f"random, warm-up {warm_up}"][i]) for i, k in enumerate(MARKS) if k <= FIRST)
        marks = ", ".join(str(k) for k in MARKS if k <= FIRST)
        print(f"cifar100, {DRAWS:,} warm-ups of {warm_up}, best after {marks}: {shown} (reference {known})")


def helped(name: str, scores: Path, dataset: str) -> dict[str, Any]:
    """Return the settings that the name of a row stands for."""
    strategy, *helps = name.replace(" and ", ", ").split(", ")
    more: dict[str, Any] = {"learning_rate": 0.01} if strategy == "reinforce" else {}
    for one in helps:
        more |= {"move_proposal": MOVES[strategy]} if one == "move" else {"warm_up": int(one.removeprefix("warm-up "))}
    if helps:
        more["warm_up_proxy"] = f"table:{scores}:{NAMES[dataset]}_synflow"
    return {"strategy": strategy, **more}


def searched(table: Path, dataset: str, seeds: int, **settings: Any) -> tuple[Simulation, float]:
    """Carry out one search for each seed, and return the curves and the seconds that they took."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = simulate(
            seeds=seeds,
            search_space="nasbench201",
            objective=f"table:{table}:{dataset}_val",
            report_column=f"{dataset}_test",
            budget_evaluations=MARKS[-1],
            save_dir=Path(folder) / "curve",
            **settings,
        )
    return found, time.perf_counter() - began


def print_row(name: str, found: Simulation, seconds: float) -> None:
    """Print the means of oracle and incumbent at the marks."""
    print(f"{name} ({seconds:.0f} s):")
    for title, values in (("oracle", found.curves.oracle), ("incumbent", found.curves.incumbent)):
        cells = [f"{values[:, k - 1].mean():.2f}±{1.96 * standard_error(values[:, k - 1]):.2f}" for k in MARKS]
        print(f"  {title:10}{' '.join(f'{cell:>11}' for cell in cells)}")
    if found.curves.ranked:
        print(f"  networks ranked by synflow for each search: {found.curves.ranked:,.0f}")


def print_reference(name: str, found: Simulation) -> list[float]:
    """Print the known figures of a row, and return how far it lies beyond those at the marks, in points."""
    oracle, beyond, shown = found.curves.oracle, list[float](), list[str]()
    for k, known in zip(MARKS, KNOWN[name], strict=True):
        low, high = known if isinstance(known, tuple) else (known, known)
        if low is None or high is None:
            continue
        mean = float(oracle[:, k - 1].mean())
        beyond.append(max(low - mean, mean - high, 0.0))
        shown.append(f"{low:.2f}" if low == high else f"{low:g}-{high:g}")
    print(f"  {'reference':10}{' '.join(f'{cell:>11}' for cell in shown)}")
    reached = np.where((oracle >= GOAL).any(axis=1), (oracle >= GOAL).argmax(axis=1) + 1, np.inf)
    median = float(np.median(reached))
    notes = [f"median trained networks to {GOAL} %: {median:.0f}" if np.isfinite(median) else f"most miss {GOAL} %"]
    notes += [f"reference {KNOWN_MEDIAN[name]}"] if name in KNOWN_MEDIAN else []
    notes += [f"incumbent at 300, reference {KNOWN_INCUMBENT[name]}"] if name in KNOWN_INCUMBENT else []
    print(f"  {'; '.join(notes)}")
    return beyond


def main() -> None:
    accuracies, *files = data_or_leave(ACCURACIES, *SYNFLOW.values())
    scores = dict(zip(SYNFLOW, files, strict=True))
    seeds = int(os.environ.get("ZERO_COST_SEEDS", 200))
    print_machine()
    table = read(accuracies)
    print_exact(table)
    print_warm_ups(table, accuracies, scores["c100"])
    worst = 0.0
    for dataset, rows in ROWS.items():
        print()
        print(
            f"{NAMES[dataset]}, test accuracy in percent, means over {seeds} seeds ± 1.96 standard errors, after "
            "trained networks:"
        )
        print(f"  {'':10}{' '.join(f'{k:>11}' for k in MARKS)}")
        for name in rows:
            found, seconds = searched(accuracies, dataset, seeds, **helped(name, scores[dataset], dataset))
            print_row(name, found, seconds)
            if dataset == "c100" and name in KNOWN:
                worst = max(worst, *print_reference(name, found)[1:])  # a single network varies by 12 points
    print(f"largest difference from the reference, from 10 trained networks on: {worst:.2f} points")
    print()
    print(f"aging evolution, incumbent after {', '.join(map(str, VARIANT_MARKS))}, means over {seeds // 2} seeds:")
    for name, (settings, known) in VARIANTS.items():
        found, _ = searched(accuracies, "c100", seeds // 2, strategy="aging", **settings)
        here = [found.curves.incumbent[:, k - 1] for k in VARIANT_MARKS]
        shown = " ".join(f"{values.mean():.2f}±{1.96 * standard_error(values):.2f}" for values in here)
        print(f"  {name:28} {shown} (reference {' '.join(f'{one:.2f}' for one in known)})")


if __name__ == "__main__":
    main()
