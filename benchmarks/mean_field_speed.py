"""The time that `mean_field` takes beside that of `zen_expected`: on the candidates of searches, and on new cells.

Both score the same list of candidates in the same order, each in its own process, so that all caches are empty first.
Networks with gates are computed for rounded correlations; they are compared with walks of whole networks.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from random import Random

import numpy as np
from scipy.stats import spearmanr

from benchmarks.common import print_machine
from PlainNet import Options, Structure
from PlainNet.cost import CostModel, count_layers
from SearchSpace import load_space
from zennas.budget.budgets import Budget
from ZeroShotProxy.engine.mean_field.scorer import MeanField
from ZeroShotProxy.proxies.zen_expected import ExpectedZen

COUNT, CELLS, ROUNDED, POPULATION, RESOLUTION, CLASSES = 30_000, 1000, 100, 256, 32, 10
BUDGET = Budget(params=10**6, layers=18)
SPACES = ("XXBL", "IDW_fixfc", "units")
TABLE = "nasbench201"
SCORES = ("zen_expected", "mean_field")


def candidates(space_name: str, count: int = COUNT) -> list[Structure]:
    """Return the candidates within the budget of an evolution without selection, which wanders through the space."""
    space, model, rng = load_space(space_name), CostModel(RESOLUTION, CLASSES, Options()), Random(0)
    population, found = [space.initial()] * POPULATION, []
    while len(found) < count:
        child = space.mutate(population[int(rng.random() * POPULATION)], rng, changes=2)
        if count_layers(child) <= 18 and BUDGET.violation(model(child)) is None:
            found.append(child)
            population[int(rng.random() * POPULATION)] = child
    return found


def cells() -> list[Structure]:
    """Return random cells of NAS-Bench-201, all different."""
    space, rng = load_space(TABLE), Random(0)
    found: dict[Structure, None] = {}
    while len(found) < CELLS:
        found[space.sample(rng)] = None
    return list(found)


def scorer(name: str, use_se: bool) -> Callable[[Structure], float | None]:
    """Return a score with empty caches."""
    if name == "mean_field":
        return MeanField(RESOLUTION, CLASSES, Options(use_se=use_se))
    return ExpectedZen(RESOLUTION, use_se=use_se)


def memory() -> float:
    """Return the largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def time_candidates(space_name: str, name: str, use_se: bool) -> dict[str, float]:
    """Return the microseconds per candidate, in the first pass and in a second one, and the memory in MB."""
    found, score = cells() if space_name == TABLE else candidates(space_name), scorer(name, use_se)
    before = memory()
    gc.collect()
    gc.freeze()  # the list of candidates is no part of the cost
    took = []
    for _ in range(2):
        began = time.process_time()
        for structure in found:
            score(structure)
        took.append(1e6 * (time.process_time() - began) / len(found))
    return {"new": took[0], "known": took[1], "memory": memory() - before}


def in_process(*arguments: str) -> dict[str, float]:
    """Run this program with arguments, which print one JSON object."""
    done = subprocess.run([sys.executable, "-m", __spec__.name, *arguments], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def report_cells() -> None:
    mean = in_process(TABLE, "mean_field", "0")
    print(f"NAS-Bench-201, {CELLS:,} new cells: mean_field {mean['new'] / 1000:.2f} ms", flush=True)


def report_rounding(resolution: int) -> None:
    score = MeanField(resolution, CLASSES, Options(use_se=True))
    for space_name in SPACES:
        found = candidates(space_name, 20 * ROUNDED)[::20]
        blocks, whole = np.array([(score(one), score.walk(one)) for one in found], dtype=float).T
        error = np.abs(blocks - whole)
        print(
            f"{space_name} with SE at {resolution}×{resolution}, {ROUNDED} networks, by blocks against a walk: "
            f"difference {error.mean():.3f} on average, {error.max():.3f} at most, "
            f"Spearman {spearmanr(blocks, whole).statistic:.4f}",
            flush=True,
        )


def report(space_name: str, use_se: bool) -> None:
    zen, mean = (in_process(space_name, name, str(int(use_se))) for name in SCORES)
    print(
        f"{space_name}{' with SE' if use_se else ''}, {COUNT:,} candidates: mean_field {mean['new']:.1f} µs, "
        f"zen_expected {zen['new']:.1f} µs, ratio {mean['new'] / zen['new']:.2f}; scored again {mean['known']:.1f} and "
        f"{zen['known']:.1f} µs, ratio {mean['known'] / zen['known']:.2f}; memory of the caches "
        f"{mean['memory']:.0f} and {zen['memory']:.0f} MB",
        flush=True,
    )


def main() -> None:
    if len(sys.argv) == 4:
        print(json.dumps(time_candidates(sys.argv[1], sys.argv[2], sys.argv[3] == "1")))
        return
    print_machine()
    for use_se in (False, True):
        for space_name in SPACES:
            report(space_name, use_se)
    report_cells()
    for resolution in (RESOLUTION, 224):
        report_rounding(resolution)


if __name__ == "__main__":
    main()
