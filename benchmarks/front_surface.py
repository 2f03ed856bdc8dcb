"""Fronts over two costs against searches for single budgets, and NSGA-II against random sampling."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks._intervals import half_width
from benchmarks.common import print_machine
from zennas.budget.budgets import DEFAULT_SOURCE, Budget, LatencyLimit
from zennas.runs.candidate import Candidate
from zennas.searching.evaluation import Evaluation
from zennas.searching.fronts.dominance import Floats, Scale
from zennas.searching.fronts.front import PER_CELL, front_settings, grid_of
from zennas.searching.fronts.grid import Grid
from zennas.searching.objectives.base import VectorObjective
from zennas.searching.preparing import completed, prepare
from zennas.searching.proposals import Proposals
from zennas.searching.result import SearchResult, read_result
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings

ITERATIONS, SEEDS = 480_000, 8
LATENCY = f"latency:{DEFAULT_SOURCE}"
BASE = SearchSettings(num_classes=100, proxy="zen_expected", budget=Budget(layers=18), confirmation="none")
SURFACE = front_settings(BASE, ["params", LATENCY], ["100k:2M", "0.02ms:0.3ms"])
CELLS = ((1, 1), (1, 5), (3, 3), (5, 1), (5, 5), (7, 7))
GOALS = SearchSettings(
    search_space="nasbench201",
    maximise=("zen_expected",),
    minimise=("flops",),
    objective="vector",
    strategy="nsga2",
    num_classes=10,
)
V100 = Budget(params=10**6, layers=18, latency=(LatencyLimit(0.3, DEFAULT_SOURCE),))
PROBLEMS = {
    "NAS-Bench-201, high zen_expected and low FLOPs, 400 networks": (GOALS, 400),
    "NAS-Bench-201, high zen_expected, high naswot_expected, low parameters, 400 networks": (
        replace(GOALS, maximise=("zen_expected", "naswot_expected"), minimise=("params",)),
        400,
    ),
    "XXBL within 1M parameters, high zen_expected and low predicted latency, 1,000 networks": (
        replace(GOALS, search_space="XXBL", minimise=("latency:v100-pytorch-fp16",), budget=V100),
        1_000,
    ),
}


def run(settings: SearchSettings) -> tuple[SearchResult, float]:
    """Return a finished run and its seconds on one core."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        start(Path(folder) / "run", settings)
        return read_result(Path(folder) / "run"), time.process_time() - began


def score(candidate: Candidate | None) -> float:
    assert candidate is not None
    return candidate.measures["zen_expected"].value


def within(grid: Grid, points: tuple[Candidate, ...], limits: tuple[float, ...]) -> float:
    """Return the best score of the points within limits of both costs."""
    fits = (one for one in points if all(a <= b for a, b in zip(grid.values(one), limits, strict=True)))
    return max(map(score, fits))


def surface() -> None:
    """Print the best of a front over two costs at some of its cells, and what a search for both limits finds there."""
    grid = grid_of(SURFACE)
    assert grid is not None
    result, seconds = run(SURFACE)
    assert result.front is not None
    print(
        f"{grid}, 18 layers: {len(result.front.points)} points of {grid.count}, {SURFACE.iterations:,} structures, "
        f"{seconds:.0f} s of the processor"
    )
    equal, longer = [], []
    second = len(grid.axes[1].limits)
    for i, j in CELLS:
        limits = grid.limits(i * second + j)
        budget = Budget(int(limits[0]), None, 18, (LatencyLimit(limits[1], DEFAULT_SOURCE),))
        alone = [score(run(replace(BASE, budget=budget, iterations=count))[0].best) for count in (PER_CELL, ITERATIONS)]
        ours = within(grid, result.front.points, limits)
        equal.append(100 * (ours / alone[0] - 1))
        longer.append(100 * (ours / alone[1] - 1))
        texts = ", ".join(axis.text(limit) for axis, limit in zip(grid.axes, limits, strict=True))
        print(
            f"  {texts:>18}: front {ours:.2f}; search of {PER_CELL:,} {alone[0]:.2f}, {equal[-1]:+.2f} %; "
            f"of {ITERATIONS:,} {alone[1]:.2f}, {longer[-1]:+.2f} %",
            flush=True,
        )
    print(
        f"  against searches of {PER_CELL:,}, as many structures as the front has for each cell: mean "
        f"{statistics.mean(equal):+.2f} %, worst {min(equal):+.2f} %; of {ITERATIONS:,}: mean "
        f"{statistics.mean(longer):+.2f} %, worst {min(longer):+.2f} %"
    )


def scored(settings: SearchSettings, networks: int) -> Iterator[tuple[Candidate, ...]]:
    """Yield all networks that a search scores until there are so many, and then those that it keeps."""
    chosen = completed(replace(settings, iterations=10**7))
    prepared = prepare(chosen)
    proposals, found = Proposals(prepared.search, chosen), list[Candidate]()
    outcome = Evaluation(chosen, torch=False).prepare()
    while len(found) < networks:
        candidate = proposals.next()
        if candidate is None:
            continue
        measured = candidate.evaluated(outcome(candidate))
        proposals.receive(measured)
        if measured.error is None:
            found.append(measured)
    yield tuple(found)
    yield tuple(prepared.search.kept)


def hypervolumes(what: str, settings: SearchSettings, networks: int) -> None:
    """Print the hypervolume of what NSGA-II keeps, and of all that random sampling scores."""
    objective = prepare(completed(settings)).objective
    assert isinstance(objective, VectorObjective)

    def vectors(found: tuple[Candidate, ...]) -> Floats:
        return np.array(objective.vectors(found))

    theirs, ours = [], []
    for seed in range(SEEDS):
        asked = replace(settings, seed=seed)
        random, _ = scored(replace(asked, strategy="random", strategy_options={}), networks)
        _, kept = scored(asked, networks)
        scale = Scale.of(vectors(random))
        theirs.append(scale.hypervolume(vectors(random)))
        ours.append(scale.hypervolume(vectors(kept)))
    relative = [100 * (a / b - 1) for a, b in zip(ours, theirs, strict=True)]
    half = half_width(relative)
    mean = statistics.mean(relative)
    print(
        f"{what}: NSGA-II {statistics.mean(ours):.3f}, random {statistics.mean(theirs):.3f}; difference {mean:+.1f} % "
        f"({mean - half:+.1f} to {mean + half:+.1f} %)",
        flush=True,
    )


def main() -> None:
    print_machine()
    surface()
    print(f"hypervolume, unit: from the worst to the best of random sampling; {SEEDS} seeds, intervals of 95 %")
    for what, (settings, networks) in PROBLEMS.items():
        hypervolumes(what, settings, networks)


if __name__ == "__main__":
    main()
