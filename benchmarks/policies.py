"""Searches by policies, REINFORCE and FP-NAS, in NAS-Bench-201 against known figures, and in an open space.

The figures beside ours were computed from the same public tables with other programs: REINFORCE as in NAS-Bench-201 and
TEG-NAS with 500 samples on CIFAR-10 over 40 seeds, evolution by sums of ranks over 5 seeds, and REINFORCE with and
without the help of synflow on CIFAR-100 over 100 seeds. POLICY_SEEDS: a share of these numbers of seeds, such as 0.1.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._nb201 import ACCURACIES, data_or_leave
from benchmarks.common import print_machine
from PlainNet import Structure, parse
from zennas.accuracy.lookup import ColumnName, Trained, finite
from zennas.api import simulate
from zennas.budget.budgets import Budget
from zennas.runs.candidate import Candidate, Measure
from zennas.searching.objectives.base import OBJECTIVES, ObjectiveKind, best_first, register
from zennas.searching.objectives.table import trained
from zennas.searching.preparing import completed, prepare
from zennas.searching.settings import SearchSettings
from zennas.searching.simulations.curves import standard_error
from zennas.searching.strategies.base import Learning
from ZeroShotProxy.ensembles import mean_rank

SCORES, SYNFLOW = "nb201_proxies_freerea_cifar10.csv.gz", "nb201_proxies_freerea_cifar100.csv.gz"
COLUMNS = ("cifar10_nregions", "cifar10_naswot", "cifar10_logsynflow")
NAME = "columns"
BY_ACCURACY = {"difference": "94.36 / 94.22", "rank": "94.36 / 94.29", "value": "94.29 / 93.75"}
BY_INDICATORS = {"difference": "93.64", "rank": "93.60"}
SAMPLES, SEEDS, FEW, MANY = 500, 40, 20, 100
POOL, TOURNAMENT, CHILDREN = 256, 64, 1000
MARKS = (50, 100, 300)
HELPED: Mapping[str, tuple[dict[str, Any], str]] = {
    "reinforce": ({}, "71.24 71.79 72.74"),
    "reinforce, move 10": ({"move_proposal": 10}, "72.58 72.95 73.36"),
    "reinforce, warm-up 1000": ({"warm_up": 1000}, ""),
    "reinforce, warm-up 3000": ({"warm_up": 3000}, ""),
    "reinforce, warm-up 1000 and move 10": ({"warm_up": 1000, "move_proposal": 10}, ""),
    "fp_nas": ({}, ""),
    "fp_nas, move 10": ({"move_proposal": 10}, ""),
    "fp_nas, warm-up 1000": ({"warm_up": 1000}, ""),
    "evolution": ({}, ""),
    "evolution, warm-up 1000": ({"warm_up": 1000}, ""),
    "evolution, move 24": ({"move_proposal": 24}, ""),
}
"""Settings of the searches of CIFAR-100, and the known oracle after `MARKS` trained networks."""
OPTIONS = {"reinforce": {"learning_rate": 0.01}, "fp_nas": {}, "evolution": {"population_size": 64}}


class Columns:
    """An objective: the sum of the ranks by several columns of a table, higher is better in each."""

    name, measures, relative, torch = NAME, COLUMNS, True, False

    def __init__(self, table: Trained, scores: Path) -> None:
        self._lines = table.lines
        self._values = {column: table.joined(ColumnName(str(scores), column)) for column in COLUMNS}

    def absent(self, structure: Structure) -> str | None:
        line = self._lines.line(structure)
        return None if all(finite(values, line) is not None for values in self._values.values()) else "no score"

    def measure(self, candidate: Candidate) -> dict[str, Measure]:
        line = self._lines.line(candidate.structure)
        return {column: Measure(float(values[line])) for column, values in self._values.items()}

    def values(self, candidates: Sequence[Candidate]) -> list[float]:
        if not candidates:
            return []
        return mean_rank([[one.measures[column].value for one in candidates] for column in COLUMNS])

    def indicators(self, candidates: Sequence[Candidate]) -> list[tuple[float, ...]]:
        return [tuple(one.measures[column].value for column in COLUMNS) for one in candidates]


def make(settings: SearchSettings) -> Columns:
    """Return the objective of `columns:ACCURACIES:SCORES`."""
    _, accuracies, scores = settings.objective.split(":")
    return Columns(trained(accuracies, settings.search_space), Path(scores))


if NAME not in OBJECTIVES:
    register(ObjectiveKind(NAME, "ranks by columns of a table", make))


@cache
def test_accuracies(accuracies: str) -> tuple[Trained, Any]:
    table = trained(accuracies, "nasbench201")
    return table, table.column("c10_test")[1]


def searched(settings: SearchSettings, accuracies: str) -> tuple[float, float, float]:
    """Carry out a search in NAS-Bench-201 in memory.

    Returns the CIFAR-10 test accuracies of the best of all candidates, of the best that the strategy keeps, and of the
    most probable structure of the policy (NaN without one).
    """
    prepared = prepare(completed(settings))
    search, objective = prepared.search, prepared.objective
    seen: list[Candidate] = []
    while not search.done:
        asked = [one.evaluated(objective.measure(one)) for one in search.ask(1)]
        search.tell(asked)
        seen += asked
    table, test = test_accuracies(accuracies)
    best, kept = (best_first(objective, ones)[0].structure for ones in (seen, search.kept))
    likely = parse(str(search.learned()["policy_argmax"])) if isinstance(search, Learning) else None
    found = [np.nan if one is None else test[table.lines.line(one)] for one in (best, kept, likely)]
    return found[0], found[1], found[2]


def over_seeds(pool: ProcessPoolExecutor, settings: SearchSettings, accuracies: Path, seeds: int) -> np.ndarray:
    """The results of `searched` for several seeds, (seeds, 3)."""
    runs = [pool.submit(searched, replace(settings, seed=seed), str(accuracies)) for seed in range(seeds)]
    return np.array([run.result() for run in runs])


def spread(values: np.ndarray) -> str:
    return f"{values.mean():.2f} ± {values.std():.2f}"


def print_policies(pool: ProcessPoolExecutor, accuracies: Path, scores: Path, share: float) -> None:
    """Print what policies find by validation accuracy, and by three indicators without any accuracy."""
    seeds = max(2, round(SEEDS * share))
    kinds = {
        "validation accuracy": (f"table:{accuracies}:c10_val", BY_ACCURACY),
        "regions, naswot and log-synflow": (f"{NAME}:{accuracies}:{scores}", BY_INDICATORS),
    }
    for what, (objective, known) in kinds.items():
        print(f"CIFAR-10 test accuracy by {what}, {SAMPLES} samples, {seeds} seeds: best of the history / policy")
        ways: dict[str, tuple[str, dict[str, Any]]] = {
            f"reinforce, {reward}": ("reinforce", {"reward": reward, "learning_rate": 0.04}) for reward in known
        }
        ways["fp_nas"] = "fp_nas", {}
        for name, (strategy, options) in ways.items():
            settings = SearchSettings(
                search_space="nasbench201",
                objective=objective,
                strategy=strategy,
                strategy_options=options,
                budget_evaluations=SAMPLES,
                duplicates="charged",
            )
            began = time.perf_counter()
            found = over_seeds(pool, settings, accuracies, seeds)
            figure = known.get(name.rpartition(" ")[2])
            note = "" if figure is None else f" (reference {figure})"
            seconds = time.perf_counter() - began
            print(f"  {name:24} {spread(found[:, 0])} / {spread(found[:, 2])}{note}; {seconds:.0f} s", flush=True)


def print_aging(pool: ProcessPoolExecutor, accuracies: Path, scores: Path, share: float) -> None:
    seeds = max(2, round(FEW * share))
    settings = SearchSettings(
        search_space="nasbench201",
        objective=f"{NAME}:{accuracies}:{scores}",
        strategy="aging",
        strategy_options={"pool": POOL, "tournament": TOURNAMENT},
        budget_evaluations=POOL + CHILDREN,
        duplicates="charged",
    )
    found = over_seeds(pool, settings, accuracies, seeds)
    print(
        f"  aging ({POOL}, {TOURNAMENT}, {CHILDREN:,} steps), {seeds} seeds: final population "
        f"{spread(found[:, 1])} (reference 93.60 ± 0.08), history {spread(found[:, 0])} (reference 93.54 ± 0.15)"
    )


def print_helped(accuracies: Path, scores: Path, share: float) -> None:
    """Print the curves of CIFAR-100 with and without synflow."""
    seeds = max(2, round(MANY * share))
    print(f"CIFAR-100 test accuracy, {seeds} seeds ± 1.96 standard errors, after {', '.join(map(str, MARKS))} trained:")
    for name, (more, known) in HELPED.items():
        strategy = name.partition(",")[0]
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            curves = simulate(
                seeds=seeds,
                search_space="nasbench201",
                objective=f"table:{accuracies}:c100_val",
                report_column="c100_test",
                budget_evaluations=MARKS[-1],
                strategy=strategy,
                strategy_options=OPTIONS[strategy],
                duplicates="charged",
                save_dir=Path(folder) / "curve",
                **more,
                **({"warm_up_proxy": f"table:{scores}:cifar100_synflow"} if more else {}),
            ).curves
        shown = []
        for values in (curves.oracle, curves.incumbent):
            here = [values[:, mark - 1] for mark in MARKS]
            shown.append(" ".join(f"{one.mean():.2f}±{1.96 * standard_error(one):.2f}" for one in here))
        note = f" (reference, oracle: {known})" if known else ""
        seconds = time.perf_counter() - began
        print(f"  {name:36} oracle {shown[0]}; incumbent {shown[1]}{note}; {seconds:.0f} s", flush=True)


def best_zen(settings: SearchSettings) -> float:
    """The best expected Zen-score of a search in an open space, in memory."""
    prepared = prepare(completed(settings))
    search, objective = prepared.search, prepared.objective
    while not search.done:
        search.tell([one.evaluated(objective.measure(one)) for one in search.ask(1)])
    return max(objective.values(search.kept))


def print_open(pool: ProcessPoolExecutor, share: float) -> None:
    """Print what policies find by walks in an open space, beside random search and evolution."""
    seeds, tries = max(2, round(10 * share)), 3000
    print(f"XXBL, at most 1M parameters and 18 layers, expected Zen-score after {tries:,} structures, {seeds} seeds:")
    for strategy, options in {"random": {}, "reinforce": {}, "fp_nas": {}, "aging": {}}.items():
        settings = SearchSettings(
            budget=Budget(params=1_000_000, layers=18),
            proxy="zen_expected",
            strategy=strategy,
            strategy_options=options,
            iterations=tries,
        )
        runs = [pool.submit(best_zen, replace(settings, seed=seed)) for seed in range(seeds)]
        print(f"  {strategy:24} {spread(np.array([run.result() for run in runs]))}", flush=True)


def main() -> None:
    accuracies, scores, synflow = data_or_leave(ACCURACIES, SCORES, SYNFLOW)
    share = float(os.environ.get("POLICY_SEEDS", 1))
    print_machine()
    with ProcessPoolExecutor(2) as pool:
        print_policies(pool, accuracies, scores, share)
        print_aging(pool, accuracies, scores, share)
        print_open(pool, share)
    print_helped(accuracies, synflow, share)


if __name__ == "__main__":
    main()
