"""The best score of evolution in steps against evolution one at a time, at equal numbers of candidates.

It takes about a quarter of an hour. `python -m benchmarks.search_quality FILE` keeps what is done in a file, and goes
on from there when it is run again. `--seeds N` and `--candidates N` make a shorter check.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import statistics
import time
from dataclasses import replace
from pathlib import Path

from scipy.stats import t

from benchmarks.common import print_machine
from benchmarks.search_arrays import CANDIDATES, LATENCY, PARAMS, problem
from zennas.budget.budgets import Budget
from zennas.searching.strategies.base import Problem, Search
from zennas.searching.strategies.evolution import EvolutionOptions, make

SEEDS = 20
BUDGETS = {
    "1M parameters, 18 layers": PARAMS,
    "200k parameters, 12 layers": replace(PARAMS, budget=Budget(params=200_000, layers=12)),
    "100M FLOPs, 30 layers": replace(PARAMS, budget=Budget(flops=100_000_000, layers=30)),
    "0.3 ms on a V100 at 224 pixels, 16 layers": LATENCY,
}
Pair = tuple[float, float]


def best(asked: Problem, children: int) -> float:
    """Return the best score of a search."""
    search: Search = make(asked, EvolutionOptions(children=children))
    while not search.done:
        search.tell([one.evaluated(asked.objective.measure(one)) for one in search.ask(1)])
        search.take_changes()
    return max(asked.objective.values(search.kept))


def pairs_of(what: str, seeds: int, candidates: int, kept: Path | None) -> list[Pair]:
    """Return the best in steps and one at a time of each seed. kept: where they are read and written."""
    known = {} if kept is None else read(kept)
    # What is known of blocks is the same for all seeds, so that later searches one at a time are faster.
    asked, found = replace(problem(BUDGETS[what]), iterations=candidates), []
    for seed in range(seeds):
        key = (what, candidates, seed)
        if key not in known:
            one = replace(asked, seed=seed)
            began = time.process_time()
            known[key] = (best(one, EvolutionOptions().children), best(one, 1))
            if kept is not None:
                with kept.open("a", encoding="utf-8") as file:
                    print(json.dumps([*key, *known[key], round(time.process_time() - began, 1)]), file=file)
        found.append(known[key])
    return found


def read(kept: Path) -> dict[tuple[str, int, int], Pair]:
    """Return the pairs in a file, if it exists; a line that was cut short is left out."""
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    rows = [json.loads(line) for line in lines if line.endswith("]")]
    return {(what, candidates, seed): (steps, single) for what, candidates, seed, steps, single, _ in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kept", type=Path, nargs="?", metavar="FILE")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    chosen = parser.parse_args()
    gc.set_threshold(200_000, 20, 100)  # as searches by closed forms do
    print_machine()
    print(
        f"best expected Zen of {chosen.candidates:,} candidates in XXBL, {chosen.seeds} seeds; intervals of 95 %, by "
        "Student's t",
        flush=True,
    )
    everything = []
    for what in BUDGETS:
        pairs = pairs_of(what, chosen.seeds, chosen.candidates, chosen.kept)
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
    half = t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.mean(values)
    return f"{mean:+.2f} % ({mean - half:+.2f} to {mean + half:+.2f} %)"


if __name__ == "__main__":
    main()
