"""Is a measure of the last fifty candidates worth its time? Design regret of the first pick, in points.

Within each budget, `mean_field` chooses 50 networks of a table of trained ones. They are ordered anew: by a measure on
one batch of noise with one draw of weights, or by the sum of the logarithms of the ranks by `mean_field` and by the
measure. NB201_DATA names the folder of the tables.

Regrets are means over budgets: the costs that 5, 10, 20, 30, 50, 70 and 90 % of the networks do not exceed. In brackets
are those of each draw of weights.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks._nb201 import DATA
from benchmarks.common import print_machine
from benchmarks.design_regret import SHARES, TABLES, column, kinds_of, networks_of, scores_of
from PlainNet import Structure
from zennas.correlation.regret import within
from zennas.correlation.statistics import Floats
from ZeroShotProxy import ScoreSettings, score
from ZeroShotProxy.ensembles import log_rank
from ZeroShotProxy.scores import score_each

LAST, DRAWS = 50, 2
MEASURES = ("naswot", "log_synflow", "zen", "grad_norm", "jacob_cov", "snip")
SETTINGS = ScoreSettings(resolution=32, num_classes=10, repeats=1, batch_size=16)
FIRST = "mean_field"
LOOKED_AT = ("NAS-Bench-201, CIFAR-10", "Channel-Bench-Macro, ResNet", "NAS-Bench-Macro")


def measured(structure: Structure, seed: int) -> list[float]:
    """Return the scores of a network by all measures, higher is better, NaN where there is none."""
    settings = replace(SETTINGS, seed=seed)
    found = score_each(MEASURES, lambda names: score(structure, names, settings))
    return [np.nan if isinstance(one, str) else one.value for one in found.values()]


def regrets(
    scores: Floats, accuracies: Floats, costs: Sequence[Floats], values: dict[int, Floats]
) -> tuple[Floats, Floats]:
    """Return the regrets of the first score, and those after a second one, (ways, measures); means over all budgets.

    values: by number of the network, what the measures say, (measures,). ways: the measure alone, and both.
    """
    first, second = [], []
    for fits in budgets(costs):
        last = last_of(scores, fits)
        best = accuracies[fits].max()
        first.append(best - accuracies[last[0]])
        table = np.array([values[row] for row in last.tolist()])
        picks = []
        for one in table.T:
            filled = np.where(np.isnan(one), -np.inf, one)
            both = np.array(log_rank([scores[last].tolist(), filled.tolist()]))
            picks.append([accuracies[last[int(np.argmax(by))]] for by in (filled, both)])
        second.append(best - np.array(picks).T)
    return np.mean(first), np.mean(second, axis=0)


def budgets(costs: Sequence[Floats]) -> list[np.ndarray]:
    """Return which networks fit each budget, (networks,)."""
    return [fits for one in costs for fits in within(one, np.quantile(one[~np.isnan(one)], SHARES, method="lower"))]


def last_of(scores: Floats, fits: np.ndarray) -> np.ndarray:
    """Return the rows of the networks with the highest scores that fit, the best first."""
    there = np.flatnonzero(fits & ~np.isnan(scores))
    return there[np.argsort(-scores[there], kind="stable")][:LAST]


def main() -> None:
    print_machine()
    print(f"regret of the first pick: of {FIRST}; and of its {LAST} best, ordered by a measure, or by ranks of both")
    for table in (table for table in TABLES if table.title in LOOKED_AT):
        if not (DATA / table.file).is_file():
            print(f"{table.title}: skipped, {DATA / table.file} not there (NB201_DATA names the folder)")
            continue
        networks = networks_of(table)
        accuracies, scores = column(networks.sheet, table.accuracy), scores_of(table, networks, [FIRST])[FIRST]
        kinds = kinds_of(table, networks)
        rows = np.unique(np.concatenate([last_of(scores, fits) for fits in budgets(list(kinds.values()))]))
        found, began = [], time.process_time()
        for seed in range(DRAWS):
            values = {row: np.array(measured(networks.structures[row], seed)) for row in rows.tolist()}
            found.append(regrets(scores, accuracies, list(kinds.values()), values))
        took = (time.process_time() - began) / DRAWS / len(rows)
        print(f"\n{table.title}: budgets on {', '.join(kinds)}; {FIRST} {found[0][0]:.2f}; {took:.2f} s a network")
        draws = np.array([second for _, second in found])
        for name, (alone, both) in zip(MEASURES, draws.transpose(2, 1, 0), strict=True):
            cells = (f"{one.mean():.2f} ({', '.join(f'{value:.2f}' for value in one)})" for one in (alone, both))
            print(f"  {name:12} alone {next(cells)}, both {next(cells)}", flush=True)


if __name__ == "__main__":
    main()
