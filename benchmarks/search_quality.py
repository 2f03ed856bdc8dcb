"""The best score of evolution in steps against evolution one at a time, at equal numbers of candidates."""

from __future__ import annotations

import statistics
from dataclasses import replace

from benchmarks._intervals import half_width
from benchmarks.common import print_machine
from benchmarks.search_arrays import CANDIDATES, LATENCY, PARAMS, problem
from zennas.budget.budgets import Budget
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import Search
from zennas.searching.strategies.evolution import EvolutionOptions, make

SEEDS = 20
BUDGETS = {
    "1M parameters, 18 layers": PARAMS,
    "200k parameters, 12 layers": replace(PARAMS, budget=Budget(params=200_000, layers=12)),
    "100M FLOPs, 30 layers": replace(PARAMS, budget=Budget(flops=100_000_000, layers=30)),
    "0.3 ms on a V100 at 224 pixels, 16 layers": LATENCY,
}


def best(settings: SearchSettings, seed: int, children: int) -> float:
    """Return the best score of a search."""
    asked = replace(problem(settings), seed=seed)
    search: Search = make(asked, EvolutionOptions(children=children))
    while not search.done:
        search.tell([one.evaluated(asked.objective.measure(one)) for one in search.ask(1)])
        search.take_changes()
    return max(asked.objective.values(search.kept))


def main() -> None:
    print_machine()
    print(f"best expected Zen of {CANDIDATES:,} candidates in XXBL, {SEEDS} seeds; intervals of 95 %, by Student's t")
    everything = []
    for what, settings in BUDGETS.items():
        pairs = [(best(settings, seed, EvolutionOptions().children), best(settings, seed, 1)) for seed in range(SEEDS)]
        steps, single = ([pair[i] for pair in pairs] for i in (0, 1))
        relative = [100 * (a / b - 1) for a, b in pairs]
        everything.append(relative)
        print(
            f"{what}: in steps {statistics.mean(steps):.2f} ± {statistics.stdev(steps):.2f}, one at a time "
            f"{statistics.mean(single):.2f} ± {statistics.stdev(single):.2f}; difference {interval(relative)}",
            flush=True,
        )
    print(
        f"all four budgets: difference {interval([statistics.mean(found) for found in zip(*everything, strict=True)])}"
    )


def interval(values: list[float]) -> str:
    """Return the mean and its interval, in per cent."""
    half, mean = half_width(values), statistics.mean(values)
    return f"{mean:+.2f} % ({mean - half:+.2f} to {mean + half:+.2f} %)"


if __name__ == "__main__":
    main()
