"""Designed networks against the published ones of the same budget, by Monte-Carlo Zen-score, over three seeds."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from benchmarks.common import print_machine, published
from zennas.budget.budgets import Budget
from zennas.searching.result import read_result
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings
from ZeroShotProxy import ScoreSettings, score

CASES = (
    ("zennet_cifar10_model_size1M_res32", Budget(params=10**6, layers=18)),
    ("zennet_cifar10_model_size05M_res32", Budget(params=500_000, layers=16)),
)
# Measured with seeds that no search used to confirm its best, so that luck is not counted twice.
MEASURE = ScoreSettings(resolution=32, batch_size=16, repeats=32, seed=987_654_321, device="cpu")


def main() -> None:
    print_machine()
    networks = published()
    for name, budget in CASES:
        there = score(networks[name], ["zen"], MEASURE)["zen"].value
        print(f"{name}: Monte-Carlo Zen {there:.2f}; budget {budget}, as deployed")
        gains = []
        for seed in range(3):
            with tempfile.TemporaryDirectory() as folder:
                start(Path(folder) / "run", SearchSettings(budget=budget, seed=seed, device="cpu"))
                best = read_result(Path(folder) / "run").best
            assert best is not None
            assert budget.violation(best.cost) is None
            found = score(best.structure, ["zen"], MEASURE)["zen"]
            low, high = found.interval or (0.0, 0.0)
            gains.append(found.value - there)
            size = f"{best.cost.params:,} parameters, {best.cost.layers} layers"
            print(
                f"  seed {seed}: {found.value:.2f} ± {(high - low) / 2:.2f}, {gains[-1]:+.2f}; {size}: {best.structure}"
            )
        print(f"  gain {min(gains):.2f} to {max(gains):.2f}, {statistics.fmean(gains):.2f} on average")


if __name__ == "__main__":
    main()
