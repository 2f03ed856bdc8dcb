"""Searches of NAS-Bench-201 by a predictor, with and without a warm-up, and the fewest trained networks to the best.

First, the binary-relation predictor, beside figures that are read off the pictures of Abdelfattah et al., Zero-Cost
Proxies for Lightweight NAS, ICLR 2021. Then a Gaussian process after a warm-up of all 15,625 networks, for
several scores. What is chosen there, and the options, are chosen on CIFAR-10; CIFAR-100 is only reported.
PREDICTOR_SEEDS, PREDICTOR_EVALUATIONS, PROCESS_SEEDS: other numbers of seeds, and of networks to train; 0 leaves the
part out. PREDICTOR_ROWS: only some searches by the predictor, such as "c100 move;c10 warm-up 1000".
"""

from __future__ import annotations

import csv
import math
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._nb201 import ACCURACIES, data_or_leave
from benchmarks.common import print_machine
from SearchSpace.nasbench201 import all_cells, network
from zennas.api import simulate
from zennas.searching.preparing import completed
from zennas.searching.settings import SearchSettings
from zennas.searching.simulations.curves import Curves, standard_error
from zennas.searching.simulations.running import course
from ZeroShotProxy import ProxyError, ScoreSettings, score

SCORES = {"c10": "nb201_proxies_freerea_cifar10.csv.gz", "c100": "nb201_proxies_freerea_cifar100.csv.gz"}
NAMES = {"c10": "cifar10", "c100": "cifar100"}
MARKS = (20, 50, 100)
MOVE = {"move_proposal": 10}
HELPS: dict[str, dict[str, Any]] = {
    "no help": {},
    "warm-up 256": {"warm_up": 256},
    "warm-up 512": {"warm_up": 512},
    "warm-up 1000": {"warm_up": 1000},
    "warm-up 3000": {"warm_up": 3000},
    "move": MOVE,
    "warm-up 3000 and move": {"warm_up": 3000, **MOVE},
}
"""Helps of the predictor by synflow. A move draws 10 networks of the better part of the ranking."""
LONG = 3000
"""Warm-ups from which on a search takes minutes, and half of the seeds have to do."""
ROWS = (
    *(("c100", name) for name in HELPS),
    *(("c10", name) for name in HELPS if name not in ("warm-up 256", "warm-up 512")),
)
PUBLISHED = {"no help": 72.7, "warm-up 256": 73.0, "warm-up 512": 73.2}
"""Published oracles on CIFAR-100 after 50 trained networks, read off a picture, ±0.2."""
WHOLE = 15_625
PROCESS = {"model": "process", "per_round": 5, "greedy": 0.8, "reach": 0.9}
"""The best on CIFAR-10 among greedy shares of 0.5, 0.8 and 1, and reaches of 0.5 and 0.9."""
GOALS = {"c10": 94.36, "c100": 73.4}
"""Test accuracies that few networks have: three on CIFAR-10, one on CIFAR-100."""
CLOSED_FORMS = ("log_synflow_expected",)
LONGEST = 40
FEW = 20
"""Seeds with which scores are compared."""


def settings_of(table: Path, dataset: str, evaluations: int, **more: Any) -> dict[str, Any]:
    return {
        "search_space": "nasbench201",
        "objective": f"table:{table}:{dataset}_val",
        "report_column": f"{dataset}_test",
        "strategy": "predictor",
        "budget_evaluations": evaluations,
        **more,
    }


def searched(seeds: int, **settings: Any) -> Curves:
    with tempfile.TemporaryDirectory() as folder:
        options = settings.pop("strategy_options", {})
        return simulate(seeds=seeds, save_dir=Path(folder) / "curve", **settings, **options).curves


def seconds_of_one(**settings: Any) -> float:
    """Processor seconds of one search in this process, the second one, when everything is loaded."""
    chosen = completed(SearchSettings(**settings))
    course(replace(chosen, budget_evaluations=22))
    began = time.process_time()
    course(chosen)
    return time.process_time() - began


def shown(values: Any, marks: tuple[int, ...]) -> str:
    return " ".join(f"{values[:, k - 1].mean():.2f}±{1.96 * standard_error(values[:, k - 1]):.2f}" for k in marks)


def print_predictor(table: Path, scores: Path, dataset: str, name: str, seeds: int, evaluations: int) -> None:
    marks = tuple(k for k in MARKS if k <= evaluations)
    proxy = {"warm_up_proxy": f"table:{scores}:{NAMES[dataset]}_synflow"} if HELPS[name] else {}
    settings = settings_of(table, dataset, evaluations, **HELPS[name], **proxy)
    curves = searched(seeds, **settings)
    known = f"published oracle after 50: {PUBLISHED[name]}; " if dataset == "c100" and name in PUBLISHED else ""
    print(
        f"  {NAMES[dataset]:8} {name:21} {seeds} seeds: oracle {shown(curves.oracle, marks)}; incumbent "
        f"{shown(curves.incumbent, marks)}; ranked {curves.ranked:,.0f}; {known}{seconds_of_one(**settings):.0f} s of "
        "one core for a seed",
        flush=True,
    )


def write_closed_forms(file: Path) -> dict[str, float]:
    """Write the scores of all cells, and return the milliseconds that each score takes for a network."""
    took = dict.fromkeys(CLOSED_FORMS, 0.0)
    settings = ScoreSettings(num_classes=100)
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["arch_str", *CLOSED_FORMS])
        for cell in all_cells():
            row: list[object] = [str(cell)]
            for name in CLOSED_FORMS:
                began = time.process_time()
                try:
                    row.append(score(network(cell), [name], settings)[name].value)
                except ProxyError:  # a cell that passes nothing on
                    row.append("")
                took[name] += time.process_time() - began
            writer.writerow(row)
    return {name: 1000 * seconds / WHOLE for name, seconds in took.items()}


def trained_to(goal: float, curves: Curves) -> tuple[float, float]:
    """Return the median and the geometric mean of the trained networks until the oracle has `goal`.

    A search that does not get there counts as twice its length in the mean.
    """
    there = curves.oracle >= goal
    reached = np.where(there.any(axis=1), there.argmax(axis=1) + 1.0, math.inf)
    bounded = np.minimum(reached, 2 * there.shape[1])
    return float(np.median(reached)), float(np.exp(np.log(bounded).mean()))


def print_process(table: Path, scores: dict[str, Path], seeds: int, folder: Path) -> None:
    own = folder / "closed_forms.csv"
    took = write_closed_forms(own)
    print("closed form: " + ", ".join(f"{name} {ms:.2f} ms a network" for name, ms in took.items()), flush=True)
    print(f"Gaussian process after a warm-up of all {WHOLE:,} networks, {FEW} seeds, median trained networks until")
    print(f"the oracle has {GOALS['c10']} % on CIFAR-10 and {GOALS['c100']} % on CIFAR-100 (of {LONGEST}):")
    means, settings = {}, {}
    for name in ("synflow", "logsynflow", "naswot", "nregions", *CLOSED_FORMS):
        medians = []
        for dataset, goal in GOALS.items():
            column = f"{own}:{name}" if name in CLOSED_FORMS else f"{scores[dataset]}:{NAMES[dataset]}_{name}"
            more = {"warm_up": WHOLE, "warm_up_proxy": f"table:{column}", "strategy_options": PROCESS}
            settings[name, dataset] = settings_of(table, dataset, LONGEST, **more)
            median, mean = trained_to(goal, searched(FEW, **settings[name, dataset]))
            medians.append(median)
            means[name, dataset] = mean
        print(f"  {name:22} {medians[0]:4.0f} {medians[1]:4.0f}", flush=True)
    chosen = min((name for name, dataset in means if dataset == "c10"), key=lambda name: means[name, "c10"])
    curves = searched(seeds, **settings[chosen, "c100"])
    took_one = seconds_of_one(**settings[chosen, "c100"])
    median, _ = trained_to(GOALS["c100"], curves)
    print(f"chosen on CIFAR-10, by the geometric mean: {chosen}; CIFAR-100 with {seeds} seeds:")
    print(f"  median trained networks until the oracle has {GOALS['c100']} %: {median:.0f}")
    print(f"  after 5, 10, 20, {LONGEST}: oracle {shown(curves.oracle, (5, 10, 20, LONGEST))}")
    print(
        f"  {'':16}incumbent {shown(curves.incumbent, (5, 10, 20, LONGEST))}; {took_one:.1f} s of one core for a seed"
    )


def main() -> None:
    accuracies, *rest = data_or_leave(ACCURACIES, *SCORES.values())
    scores = dict(zip(SCORES, rest, strict=True))
    print_machine()
    seeds, evaluations = int(os.environ.get("PREDICTOR_SEEDS", 20)), int(os.environ.get("PREDICTOR_EVALUATIONS", 100))
    gaussian = int(os.environ.get("PROCESS_SEEDS", 200))
    if gaussian:
        with tempfile.TemporaryDirectory() as folder:
            print_process(accuracies, scores, gaussian, Path(folder))
    if not seeds:
        return
    wanted = os.environ.get("PREDICTOR_ROWS", "").split(";")
    after = ", ".join(str(k) for k in MARKS if k <= evaluations)
    print(f"predictor, test accuracy after {after} trained networks:")
    for dataset, name in ROWS:
        if wanted == [""] or f"{dataset} {name}" in wanted:
            long = HELPS[name].get("warm_up", 0) >= LONG
            print_predictor(
                accuracies, scores[dataset], dataset, name, max(1, seeds // 2) if long else seeds, evaluations
            )


if __name__ == "__main__":
    main()
