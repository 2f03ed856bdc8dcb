"""Candidates per second of a closed-form search, and a whole search of 480,000 iterations."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path
from random import Random

from benchmarks.common import apart, print_machine, random_in_budget
from PlainNet import Options
from PlainNet.cost import CostModel, count_layers
from SearchSpace import load_space
from zennas.budget.budgets import Budget
from zennas.searching.result import read_result
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings
from ZeroShotProxy.proxies.zen_expected import ExpectedZen

BUDGET = Budget(params=10**6, layers=18)
CANDIDATES = 480_000


def loop() -> None:
    """Mutate, count, check and score: only what the strategy `evolution` does for each candidate."""
    space, model, score, rng = load_space("XXBL"), CostModel(32, 100), ExpectedZen(32), Random(0)
    best = [(0.0, space.initial())] * 64
    scored = 0
    began = time.perf_counter()
    for done in range(1, CANDIDATES + 1):
        child = space.mutate(best[int(rng.random() * len(best))][1], rng, changes=2)
        if count_layers(child) <= 18 and BUDGET.violation(model(child)) is None:
            scored += 1
            value, position = score(child), int(rng.random() * len(best))
            if value > best[position][0]:
                best[position] = (value, child)
        if done in (50_000, 100_000, CANDIDATES):
            rate = done / (time.perf_counter() - began)
            what = f"{rate:,.0f} candidates/s over the first {done:,} ({scored:,} of them scored)"
            print(f"mutate + cost + budget + expected Zen: {what}")


def plainly() -> None:
    """Time the same decisions with modules: build, count parameters; and the Zen-score by its definition."""
    import torch

    from benchmarks._baseline import zen_by_definition
    from PlainNet.masternet import MasterNet

    torch.set_num_threads(2)
    structures = random_in_budget("XXBL", BUDGET, 32, 60)
    for label, use in (
        (
            "build the module, count its parameters",
            lambda s: sum(p.numel() for p in MasterNet(s, 100, Options()).parameters()),
        ),
        ("build, initialise, two passes at batch 16", lambda s: zen_by_definition(s, 16, 32)),
    ):
        began = time.perf_counter()
        for structure in structures:
            use(structure)
        print(f"baseline, {label}: {len(structures) / (time.perf_counter() - began):,.1f} candidates/s")


def whole_search() -> None:
    """Run `zennas search --proxy zen_expected`, including its store."""
    with tempfile.TemporaryDirectory() as folder:
        settings = SearchSettings(budget=BUDGET, num_classes=100, proxy="zen_expected", iterations=CANDIDATES)
        began = time.perf_counter()
        start(Path(folder) / "run", settings)
        took = time.perf_counter() - began
        best = read_result(Path(folder) / "run").best
    assert best is not None
    zen = best.measures["zen_expected"].value
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"whole search, {CANDIDATES:,} iterations, population 512, one core, everything stored: {took:.1f} s, "
        f"{memory:.0f} MB, best expected Zen {zen:.2f}"
    )


if __name__ == "__main__":
    print_machine()
    for part in (loop, whole_search, plainly):
        apart(part)
