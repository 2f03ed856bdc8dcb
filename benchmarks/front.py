"""A front in one search against a search of 480,000 structures at the budget of every point, one at a time.

`python -m benchmarks.front 3` compares every third point only.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.common import print_machine
from benchmarks.search_latency import START
from zennas.budget.budgets import DEFAULT_SOURCE, Budget, LatencyLimit
from zennas.searching.fronts.front import front_settings, grid_of
from zennas.searching.result import SearchResult, read_result
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings

ITERATIONS, POINTS = 480_000, 20
BASE = SearchSettings(num_classes=100, proxy="zen_expected", iterations=ITERATIONS, confirmation="none")
IMAGENET = replace(BASE, num_classes=1000, resolution=224, initial=START)
FRONTS = {
    "parameters from 100k to 2M, 18 layers": front_settings(
        replace(BASE, budget=Budget(layers=18)), "params", "100k:2M", POINTS
    ),
    "0.1 to 1.2 ms on a V100 at 224 pixels, 30 layers": front_settings(
        replace(IMAGENET, budget=Budget(layers=30)), f"latency:{DEFAULT_SOURCE}", "0.1ms:1.2ms", POINTS
    ),
}


def run(settings: SearchSettings) -> tuple[SearchResult, float]:
    """Return a finished run and its seconds on one core, with what it stores and reads."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        start(Path(folder) / "run", settings)
        result = read_result(Path(folder) / "run")
        return result, time.process_time() - began


def dedicated(front: SearchSettings, limit: float) -> SearchSettings:
    """Return a search one at a time within one limit of a front, and within its other budgets."""
    grid = grid_of(front)
    assert grid is not None
    (axis,) = grid.axes
    if axis.source is None:
        budget = replace(front.budget, params=int(limit))
    else:
        budget = replace(front.budget, latency=(LatencyLimit(limit, axis.source, front.budget.latency[0].batch_size),))
    return replace(front, budget=budget, strategy="evolution", strategy_options={"children": 1}, iterations=ITERATIONS)


def score(result: SearchResult) -> float:
    assert result.best is not None
    return result.best.measures["zen_expected"].value


def compare(what: str, settings: SearchSettings, every: int) -> None:
    """Print every n-th limit, the best of the front within it, and the best of a search."""
    grid = grid_of(settings)
    assert grid is not None
    (axis,) = grid.axes
    times: list[float] = []
    fronts: list[float] = []
    pairs = []
    result, seconds = run(settings)
    fronts.append(seconds)
    assert result.front is not None
    print(f"{what}: {len(result.front.points)} points of {POINTS}, {settings.iterations:,} structures")
    for limit in axis.limits[::every]:
        alone, seconds = run(dedicated(settings, limit))
        times.append(seconds)
        within = [one for one in result.front.points if axis.value(one) <= limit]
        ours = within[-1].measures["zen_expected"].value
        pairs.append(100 * (ours / score(alone) - 1))
        print(f"  {axis.text(limit):>9}: {ours:.2f}, search {score(alone):.2f}, {pairs[-1]:+.2f} %", flush=True)
    fronts.append(run(settings)[1])
    mean = statistics.mean(pairs)
    print(f"  difference: mean {mean:+.2f} %, worst {min(pairs):+.2f} %; target: none worse by over 0.5 %")
    alone = statistics.median(times)
    print(
        f"  seconds of the processor: front {fronts[0]:.1f} and {fronts[1]:.1f}, a search {alone:.1f} (median of "
        f"{len(times)}); a front takes the time of {statistics.mean(fronts) / alone:.2f} searches; target: less than 2"
    )


def main() -> None:
    print_machine()
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for what, settings in FRONTS.items():
        compare(what, settings, every)


if __name__ == "__main__":
    main()
