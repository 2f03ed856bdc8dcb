"""The closed forms of four proxies against their Monte-Carlo measures, network by network.

Measures are kept in runs/closed-forms.jsonl, so the program can be killed and run again, and after a change of the
closed forms only those are computed anew. NB201_RUNS names another folder. CLOSED_FORMS: the families, separated by
commas, all by default.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random

import numpy as np
from scipy.stats import spearmanr

from benchmarks._nb201 import RUNS
from benchmarks.common import print_machine, random_in_budget
from PlainNet import Options, Structure
from PlainNet.cost import CostModel
from SearchSpace import load_space
from SearchSpace.darts import PUBLISHED
from SearchSpace.darts import network as darts_network
from zennas.budget.budgets import Budget
from ZeroShotProxy import ScoreSettings, score
from ZeroShotProxy.base import ProxyError

MEASURES = ("log_synflow", "naswot", "grad_norm", "jacob_cov")
SETTINGS = ScoreSettings(resolution=32, num_classes=10, batch_size=16, repeats=2, device="cpu")
"""A value is the mean of two draws of weights and noise images; the ceiling compares it with two more draws."""
SEEDS = (0, 1)
COUNT = 100


@dataclass(frozen=True)
class Family:
    """Random networks of a search space.

    flops: at most so many multiply–accumulates, as the measures run on a processor. count: how many networks. walked:
    whether by random walks within the budget (`random_in_budget`), or by the space's own samples.
    targets: the least Spearman of each measure.
    """

    space: str
    flops: float
    targets: dict[str, float]
    count: int = COUNT
    walked: bool = False

    def networks(self) -> list[Structure]:
        """Return different networks, the same ones each time; some may be dead."""
        if self.walked:
            return random_in_budget(self.space, Budget(params=10**6, flops=int(self.flops), layers=18), 32, self.count)
        initial = darts_network(PUBLISHED["DARTS_V2"], 8, 8) if self.space == "darts" else None
        space, model = load_space(self.space, initial), CostModel(32, 10, Options())
        found: dict[Structure, None] = {}
        for seed in count():
            structure = space.sample(Random(seed))
            if model(structure).flops <= self.flops:
                found[structure] = None
            if len(found) == self.count:
                return list(found)
        raise AssertionError("count() does not end")


TARGETS = {"log_synflow": 0.98, "naswot": 0.99, "grad_norm": 0.98}
FAMILIES = {
    "NAS-Bench-201": Family(
        "nasbench201", 1e9, {"log_synflow": 0.995, "naswot": 0.96, "grad_norm": 0.98, "jacob_cov": 0.93}, count=330
    ),
    "XXBL": Family("XXBL", 40e6, TARGETS, walked=True),
    "IDW": Family("IDW_fixfc", 40e6, TARGETS, walked=True),
    "units": Family("units", 40e6, TARGETS, walked=True),
    "NAS-Bench-Macro": Family("nasbench-macro", 100e6, TARGETS),
    "Channel-Bench ResNet": Family("channelbench-resnet", 250e6, TARGETS, count=60),
    "DARTS": Family("darts", 1e9, {}, count=40),
}


class Kept:
    """The measures of networks, in a file with one line for each network and seed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[tuple[str, int], dict[str, float] | None] = {}
        if path.is_file():
            for line in path.read_text().splitlines():
                row = json.loads(line)
                self.values[row["structure"], row["seed"]] = row["values"]

    def of(self, structure: Structure, seed: int) -> dict[str, float] | None:
        """Return the measures of a network, or None if one of them is not defined for it."""
        key = str(structure), seed
        if key not in self.values:
            try:
                found = score(structure, MEASURES, replace(SETTINGS, seed=seed))
                self.values[key] = {name: found[name].value for name in MEASURES}
            except ProxyError:
                self.values[key] = None
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                print(json.dumps({"structure": key[0], "seed": seed, "values": self.values[key]}), file=file)
        return self.values[key]


def closed_form(structure: Structure, name: str) -> float:
    """Return the closed form of a measure, NaN if it is not defined for the network."""
    try:
        return score(structure, [f"{name}_expected"], SETTINGS)[f"{name}_expected"].value
    except ProxyError:
        return float("nan")


def report(label: str, family: Family, kept: Kept) -> None:
    """Print a row for each measure of a family."""
    rows: list[tuple[dict[str, float], ...]] = []
    took = []
    for structure in family.networks():
        measured = [kept.of(structure, seed) for seed in SEEDS]
        if any(values is None for values in measured):
            continue
        began = time.perf_counter()
        closed = {name: closed_form(structure, name) for name in MEASURES}
        took.append(time.perf_counter() - began)
        rows.append((closed, *filter(None, measured)))
    print(f"{label}: {len(rows)} networks, {1000 * statistics.median(took):.1f} ms for the four closed forms")
    for name in MEASURES:
        expected, first, second = (np.array([row[i][name] for row in rows]) for i in range(3))
        there = ~np.isnan(expected)
        if there.sum() < 2:
            print(f"  {name:12} no closed form for {(~there).sum()} of them", flush=True)
            continue
        expected, first, second = expected[there], first[there], second[there]
        missing = f", {(~there).sum()} without" if not there.all() else ""
        found, ceiling = spearmanr(expected, first).statistic, spearmanr(second, first).statistic
        error = expected - first
        target = family.targets.get(name)
        verdict = "" if target is None else f", at least {target}" + ("" if found >= target else ": MISSED")
        print(
            f"  {name:12} Spearman {found:.4f} (measure with other seeds {ceiling:.4f}){verdict}{missing}; "
            f"measured {first.min():.4g} to {first.max():.4g}, difference {error.mean():+.3g} ± {error.std():.2g}",
            flush=True,
        )


def main() -> None:
    print_machine()
    kept = Kept(RUNS / "closed-forms.jsonl")
    asked = os.environ.get("CLOSED_FORMS", ",".join(FAMILIES)).split(",")
    for label in asked:
        if label not in FAMILIES:
            sys.exit(f"CLOSED_FORMS has {label!r}, expected {', '.join(FAMILIES)}")
    for label in asked:
        report(label, FAMILIES[label], kept)


if __name__ == "__main__":
    main()
