"""Candidates per second as arrays and one at a time, with and without a predicted latency; and a whole search.

"One at a time" is the scalar form, which the arrays are tested against, in the same process and in alternation.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.common import apart, compiled_modules, print_machine
from benchmarks.search_latency import LAYERS, MS, START
from PlainNet import Options, parse
from PlainNet.arrays.structures import Structures
from PlainNet.cost import CostModel, count_layers
from SearchSpace import load_space
from zennas.budget.budgets import Budget, LatencyLimit
from zennas.budget.meters import devices
from zennas.searching.judging import Judge
from zennas.searching.objectives.base import objective_of
from zennas.searching.settings import SearchSettings
from zennas.searching.strategies.base import Problem

CANDIDATES, ROUNDS, KEPT, CHILDREN = 480_000, 3, 512, 4096
PARAMS = SearchSettings(budget=Budget(params=10**6, layers=18), num_classes=100, proxy="zen_expected")
LATENCY = SearchSettings(
    initial=START,
    budget=Budget(layers=LAYERS, latency=(LatencyLimit(MS),)),
    resolution=224,
    num_classes=1000,
    proxy="zen_expected",
)


def problem(settings: SearchSettings) -> Problem:
    """Return a problem with empty caches."""
    space = load_space(settings.search_space, None if settings.initial is None else parse(settings.initial))
    model = CostModel(settings.resolution, settings.num_classes, Options())
    meters = devices(settings.budget, settings.network)
    return Problem(space, model, settings.budget, meters, objective_of(settings), CANDIDATES, 0)


def one_at_a_time(settings: SearchSettings) -> float:
    """Return the seconds for mutation, cost, budget, latency and score of all candidates."""
    from zennas.runs.candidate import Candidate

    asked, rng = problem(settings), Random(0)
    space, model, budget, objective = asked.space, asked.model, asked.budget, asked.objective
    best = [(0.0, space.initial())] * KEPT
    began = time.perf_counter()
    for _ in range(CANDIDATES):
        child = space.mutate(best[int(rng.random() * KEPT)][1], rng, changes=2)
        if budget.layers is not None and count_layers(child) > budget.layers:
            continue
        cost = model(child)
        if budget.violation(cost) is None and all(meter(child).ms <= meter.limit.ms for meter in asked.meters):
            (measure,) = objective.measure(Candidate(1, child, None, cost, 1, 0)).values()
            place = int(rng.random() * KEPT)
            if measure.value > best[place][0]:
                best[place] = (measure.value, child)
    return time.perf_counter() - began


def as_arrays(settings: SearchSettings) -> tuple[float, Counter[str]]:
    """Return the seconds for the same as arrays, and what was rejected."""
    asked, rng, rejected = problem(settings), np.random.default_rng(0), Counter[str]()
    judge = Judge.of(asked)
    assert isinstance(judge, Judge)
    best = Structures.of([asked.space.initial()] * KEPT, judge.space.layout)
    values = np.zeros(KEPT)
    began = time.perf_counter()
    for done in range(0, CANDIDATES, CHILDREN):
        count = min(CHILDREN, CANDIDATES - done)
        parents = best[rng.integers(KEPT, size=count)]
        children = judge.space(parents, rng.random((count, 2 * judge.space.draws)), 2, settings.budget.layers)
        judged = judge(children, np.zeros(0, np.uint64), rejected)
        place = rng.integers(KEPT, size=len(judged.scores))
        better = np.flatnonzero(judged.scores > values[place])
        longest = max(best.cells.shape[1], judged.structures.cells.shape[1])
        cells = np.pad(best.cells, ((0, 0), (0, longest - best.cells.shape[1]), (0, 0)))
        cells[:, : judged.structures.cells.shape[1], place[better]] = judged.structures[better].cells
        cells[:, judged.structures.cells.shape[1] :, place[better]] = 0
        best, values[place[better]] = Structures(best.layout, cells).trimmed(), judged.scores[better]
    return time.perf_counter() - began, rejected


def rates(what: str, settings: SearchSettings, least: int, factor: int) -> None:
    as_arrays(settings)  # imports what is imported at first use, and makes the formulas of families of blocks
    slow, quick, rejected = [], [], Counter[str]()
    for _ in range(ROUNDS):
        slow.append(one_at_a_time(settings))
        seconds, rejected = as_arrays(settings)
        quick.append(seconds)
    ratio = statistics.median(a / b for a, b in zip(slow, quick, strict=True))
    rate, before = (CANDIDATES / statistics.median(found) for found in (quick, slow))
    reached = rate >= least and ratio >= factor
    print(
        f"{what}: {rate:,.0f} candidates/s as arrays and {before:,.0f} one at a time, median of {ROUNDS} rounds of "
        f"{CANDIDATES:,}; {ratio:.1f} times as fast; target, {least:,} and {factor} times: "
        f"{'reached' if reached else 'MISSED'}"
    )
    print(f"  rejected: {', '.join(f'{number:,} {reason}' for reason, number in rejected.items())}")


def parameters() -> None:
    rates("XXBL, at most 1M parameters and 18 layers, expected Zen", PARAMS, 500_000, 7)


def latencies() -> None:
    rates(f"XXBL at 224 pixels, at most {MS} ms predicted on a V100, {LAYERS} layers", LATENCY, 250_000, 8)


def command() -> None:
    """Run the command as a process of its own, with its start-up and its store; its modules are compiled before."""
    asked = (
        f"search --budget-params 1M --max-layers 18 --num-classes 100 --proxy zen_expected --iterations {CANDIDATES}"
    )
    found = []
    with compiled_modules() as environment:
        for _ in range(6):
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-m", "zennas", *asked.split(), "--save-dir", str(Path(folder) / "run")],
                    check=True,
                    capture_output=True,
                    env=environment,
                )
                found.append(time.perf_counter() - began)
    del found[0]  # compiled the modules
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    reached = min(found) < 2 and memory < 300
    print(
        f"zennas {asked}: {min(found):.2f} s at best and {statistics.median(found):.2f} s in the median of 5, with "
        f"start-up, {memory:.0f} MB; target, 2 s and 300 MB: {'reached' if reached else 'MISSED'}"
    )


if __name__ == "__main__":
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))  # one core
    print_machine()
    for part in (parameters, latencies, command):
        apart(part)
