"""Latencies that profiles predict for Ethos-U NPUs against what Vela estimates for the same networks, and searches.

None of the networks was in a fit. Half are random walks, the others winners of short searches under a predicted latency
and mutations of these; images have 32 to 160 pixels, and every other size is not square. Needs ethos-u-vela. The first
argument is the number of networks for each device and space.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from benchmarks.common import mutated, print_machine
from latency.fitting.errors import errors
from latency.measuring.conditions import version_of
from latency.predicting.arrays import PredictorArrays
from latency.predicting.predictor import Predictor
from latency.predicting.profile import load_profile
from PlainNet import Structure, StructureError
from PlainNet.arrays.blocks import Blocks
from PlainNet.arrays.structures import Structures
from PlainNet.cost import CostModel
from PlainNet.sizes import Sides, Size, size_text
from SearchSpace import ArraySpace, load_space
from zennas.budget.budgets import PREDICTOR, Budget, LatencyLimit
from zennas.budget.meters import estimated
from zennas.budget.sources import Compiler, profile_compiler
from zennas.named.settings import NetworkSettings
from zennas.searching.result import read_result
from zennas.searching.runner import start
from zennas.searching.settings import SearchSettings

PROFILES = ("ethos-u55-128", "ethos-u65-256")
SPACES = ("XXBL", "IDW_fixfc", "units", "pooled")
COUNT = 12
SIZES: tuple[Size, ...] = (32, Sides(96, 160), 64, Sides(49, 33), 96, Sides(60, 80), 128, Sides(160, 40), 160)
CLASSES = 10
MS = {"ethos-u55-128": 3.0, "ethos-u65-256": 1.0}
LAYERS = 18
ITERATIONS = 3000
FLOPS = 400_000_000
CANDIDATES = 4000
CLOSE = 90.0
"""Per cent of networks that are to be within ±10 %."""


@dataclass(frozen=True)
class Row:
    """A network, and its latency in ms as predicted and as Vela estimates it. square: whether its images are."""

    group: str
    name: str
    square: bool
    predicted: float
    estimated: float

    @property
    def error(self) -> float:
        return self.predicted / self.estimated - 1


def settings(profile: str, space: str, size: Size, **changed: object) -> SearchSettings:
    limit = LatencyLimit(MS[profile], f"{PREDICTOR}{profile}")
    return SearchSettings(
        budget=Budget(layers=LAYERS, latency=(limit,)),
        search_space=space,
        resolution=size,
        num_classes=CLASSES,
        proxy="zen_expected",
        iterations=ITERATIONS,
        device="cpu",
        top=1,
        **changed,  # type: ignore[arg-type]
    )


def random_ones(space: str, count: int, rng: Random) -> Iterator[tuple[Structure, Size]]:
    """Random walks, of moderate size."""
    found, walks = load_space(space), 0
    while walks < count:
        size = SIZES[walks % len(SIZES)]
        structure = found.sample(rng)
        try:
            flops = CostModel(size, CLASSES)(structure).flops
        except StructureError:  # it shrinks the image to nothing
            continue
        if flops <= FLOPS:
            walks += 1
            yield structure, size


def winners(profile: str, space: str, count: int, rng: Random) -> Iterator[tuple[Structure, Size]]:
    """Winners of searches, each followed by two mutations of it."""
    found = load_space(space)
    for number in range(count // 3):
        size = SIZES[(2 * number + 1) % len(SIZES)]
        with tempfile.TemporaryDirectory() as folder:
            start(Path(folder) / "run", settings(profile, space, size, seed=number))
            best = read_result(Path(folder) / "run").best
        assert best is not None
        yield best.structure, size
        left = 2
        while left:
            structure = found.mutate(best.structure, rng)
            try:
                CostModel(size, CLASSES)(structure)
            except StructureError:
                continue
            left -= 1
            yield structure, size


def rows(profile: str, compiler: Compiler, count: int) -> Iterator[Row]:
    for space in SPACES:
        rng = Random(f"{profile}-{space}")
        drawn = [("random", *one) for one in random_ones(space, count // 2, rng)]
        drawn += [("winners and their mutations", *one) for one in winners(profile, space, count - count // 2, rng)]
        for group, structure, size in drawn:
            predict = Predictor(load_profile(profile), resolution=size, num_classes=CLASSES)
            made, name = estimated(structure, NetworkSettings(size, CLASSES, False), compiler), size_text(size)
            yield Row(group, f"{space} {name} {structure}", isinstance(size, int), predict(structure), made.ms)
            if sys.stderr.isatty():
                print(".", end="", file=sys.stderr, flush=True)


def accuracy(profile: str, count: int) -> bool:
    """Print the errors of a profile; whether enough networks are close."""
    compiler = profile_compiler(load_profile(profile))
    assert compiler is not None
    began, found = time.process_time(), list(rows(profile, compiler, count))
    span = sorted(row.estimated for row in found)
    print(f"{profile}: {len(found)} networks from {span[0]:.3g} to {span[-1]:.3g} ms")
    groups = {"all": found}
    for row in found:
        groups.setdefault(row.group, []).append(row)
        groups.setdefault(row.name.partition(" ")[0], []).append(row)
        groups.setdefault("square" if row.square else "not square", []).append(row)
    for name, some in groups.items():
        print(f"  {name}: {errors([row.predicted for row in some], [row.estimated for row in some])}")
    worst = max(found, key=lambda row: abs(row.error))
    print(f"  the worst: {100 * worst.error:+.1f} %, {worst.estimated:.3g} ms, {worst.name}")
    print(f"  {time.process_time() - began:.0f} s of this process")
    close = 100 * sum(abs(row.error) <= 0.1 for row in found) / len(found)
    print(f"  at least {CLOSE:.0f} % within ±10 %: {'met' if close >= CLOSE else 'missed'}")
    return close >= CLOSE


def speed(profile: str) -> None:
    """Print the microseconds of a prediction, of networks whose families of blocks are known."""
    for name in SPACES[:2]:
        space, rng = load_space(name), Random(1)
        assert isinstance(space, ArraySpace)
        form = space.arrays()
        assert form is not None
        parents = [space.initial()]
        while len(parents) < 50:
            parents.append(space.mutate(parents[-1], rng))
        model = CostModel(64, CLASSES)
        predict = Predictor(load_profile(profile), resolution=64, num_classes=CLASSES)
        blocks = Blocks(form.layout, 64)
        arrays = PredictorArrays(predict, blocks)
        for some in (mutated(space, model, parents, rng, count) for count in (3 * CANDIDATES, CANDIDATES)):
            placed = blocks.place(Structures.of(some, form.layout))
            began = time.process_time()
            arrays(placed)
            at_once = time.process_time() - began
            began = time.process_time()
            for child in some:
                predict(child)
            one_by_one = time.process_time() - began
        print(
            f"{profile}, {name}, µs a mutated network: {1e6 * at_once / CANDIDATES:.1f} in arrays, "
            f"{1e6 * one_by_one / CANDIDATES:.1f} one by one"
        )


def search(profile: str) -> None:
    """Print what a search finds, and what Vela says of it."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = settings(profile, "XXBL", Sides(96, 160), seed=1)
        began = time.process_time()
        start(Path(folder) / "run", chosen)
        spent = time.process_time() - began
        found = read_result(Path(folder) / "run")
    assert found.best is not None
    (report,) = found.latency
    known = report.found
    print(
        f"{profile}, a search of {ITERATIONS:,} iterations for {MS[profile]:g} ms at 96×160: {spent:.0f} s of this "
        f"process, {known.predicted:.3f} ms predicted, {known.measured:.3f} ms by Vela: "
        f"{'within' if report.within else 'over'} the budget"
    )


def main() -> None:
    print_machine()
    print(f"ethos-u-vela {version_of('ethos-u-vela')}; its estimates, no device was timed")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    met = [accuracy(profile, count) for profile in PROFILES]
    for profile in PROFILES:
        speed(profile)
        search(profile)
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
