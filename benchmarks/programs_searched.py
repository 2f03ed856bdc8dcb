"""Searches for programs of tensors over four spaces, beside published programs, FLOPs and params on fresh networks.

Settings are the defaults of `zennas discover`. A task has 80 networks for the evolution and 40 for the comparison,
which chooses one program. Its Kendall's tau is then measured on 40 further networks, so that it is not too high.
`python -m benchmarks.programs_searched 0 1 2` searches with these seeds, which are the default. NB201_DATA names the
folder of the tables, NB201_RUNS that of the runs, which take some 16 GB there; NB201_WORKERS, the processes that
evaluate programs. Run it again to continue after an interruption.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks._nb201 import DATA, RUNS
from benchmarks.common import print_machine
from benchmarks.design_regret import TABLES, Table
from benchmarks.programs_closed_form import drawn, print_row
from zennas.common.numbers import format_bytes
from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.collecting import collect
from zennas.discovering.files import HEAD
from zennas.discovering.finals import compared, references
from zennas.discovering.fitness import Task
from zennas.discovering.layout import bytes_of
from zennas.discovering.running import discover
from zennas.discovering.settings import CollectingSettings
from zennas.discovering.tasks import with_statistics
from zennas.searching.executors.base import ExecutorSettings
from ZeroShotProxy.programs.tree import parse, size

TITLES = {
    "NAS-Bench-201, CIFAR-10": "NAS-Bench-201",
    "Channel-Bench-Macro, ResNet": "Channel-Bench",
    "NAS-Bench-Macro": "NAS-Bench-Macro",
    "DARTS, 1,000 after 200 epochs": "DARTS",
}
PARTS = (80, 40, 40)
"""Networks of a task for the evolution, the comparison and the figures below."""
SEEDS = ("0", "1", "2")
WORKERS = int(os.environ.get("NB201_WORKERS", "2"))
STATISTICS = CollectingSettings()
SIDE = 32


class Lines:
    """Prints how far it is to standard error, once a minute."""

    def __init__(self, what: str) -> None:
        self._what, self._said = what, 0.0

    def __call__(self, done: int, total: int, note: str = "") -> None:
        if time.monotonic() - self._said > 60 or done == total:
            self._said = time.monotonic()
            print(f"{self._what}: {done} of {total} {note}", file=sys.stderr, flush=True)


def known_tables() -> list[Table]:
    """The tables that are in the folder of tables."""
    return [table for table in TABLES if table.title in TITLES and (DATA / table.file).is_file()]


def tasks_of(table: Table, folder: Path) -> list[Task]:
    """The tasks of the evolution, of the comparison, and of the figures, of one table; prints what they took."""
    structures, accuracies = drawn(table, 0, sum(PARTS))
    images = np.random.default_rng(0).standard_normal((1, 3, SIDE, SIDE), dtype=np.float32)
    told = sum(bytes_of(structure, STATISTICS, SIDE) for structure in structures)
    began, found = time.perf_counter(), []
    cache = collect(structures, images, folder, STATISTICS, Lines(table.title))
    took = time.perf_counter() - began
    name = TITLES[table.title]
    print(f"{name}: {len(structures)} networks, {format_bytes(told)}, collected in {took:.0f} s", flush=True)
    stored = [cache.network(structure) for structure in structures]
    begin = 0
    for count in PARTS:
        own = slice(begin, begin + count)
        found.append(with_statistics(name, stored[own], accuracies[own]))
        begin += count
    return found


def searched(parts: Sequence[Sequence[Task]], seed: int, folder: Path) -> None:
    """Search, or continue, and print how the program that was chosen ranks networks that had no part in it."""
    evolved, held_out, fresh = parts
    settings = EvolutionSettings(seed=seed)
    began, place = time.perf_counter(), ExecutorSettings(workers=WORKERS)
    found = discover(settings, evolved, held_out, folder, (folder / HEAD).exists(), Lines(f"seed {seed}"), place)
    took = time.perf_counter() - began
    evaluated = sum(generation.evaluated for generation in found.generations)
    best = found.programs[0]
    print(f"\nseed {seed}: {best.name}, {size(parse(best.name))} nodes")
    print(f"smallest tau where it was chosen {best.value or 0:.3f}")
    print(f"{len(found.generations)} generations, {evaluated:,} programs, {took / 60:.1f} minutes")
    (own,) = compared([parse(best.name)], fresh, settings)
    print_row("found", own)
    sys.stdout.flush()


def main() -> None:
    torch.set_num_threads(1)
    print_machine()
    tables = known_tables()
    if len(tables) < len(TITLES):
        print(f"skipped: not all tables found in {DATA} (NB201_DATA names the folder)")
        return
    place = RUNS / "programs_searched"
    rows = [tasks_of(table, place / "statistics" / str(number)) for number, table in enumerate(tables, start=1)]
    parts = [[row[i] for row in rows] for i in range(len(PARTS))]
    print(f"Kendall's tau with its 95 % interval; tasks: {', '.join(task.name for task in parts[0])}")
    for one in references(parts[2], EvolutionSettings(), STATISTICS):
        print_row(one.name, one)
    for seed in map(int, sys.argv[1:] or SEEDS):
        searched(parts, seed, place / f"seed-{seed}")


if __name__ == "__main__":
    main()
