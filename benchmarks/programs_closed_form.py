"""Searches for programs of closed forms over four spaces, beside `mean_field`, FLOPs and params on fresh networks.

Settings are the defaults of `zennas discover`, with results summed over the convolutions. A task has 80 networks for
the evolution and 80 for the comparison, which chooses one program. Its Kendall's tau is then measured on 80 further
networks (54 of the smaller table of DARTS), so that it is not too high. NB201_DATA names the folder of the tables;
SEEDS, how many searches.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks._nb201 import DATA
from benchmarks.common import print_machine
from benchmarks.design_regret import TABLES, Table, column, networks_of
from PlainNet import Structure
from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.collecting import collect
from zennas.discovering.finals import Final, compared, references
from zennas.discovering.fitness import Task
from zennas.discovering.running import discover
from zennas.discovering.settings import CollectingSettings
from zennas.discovering.tasks import with_statistics
from ZeroShotProxy.programs.closed_form import CLOSED_FORMS
from ZeroShotProxy.programs.tree import parse, size

CHOSEN = {
    "nb201_accuracy.csv.gz": "NAS-Bench-201",
    "channel_bench_macro_resnet_cifar10.csv.gz": "Channel-Bench",
    "nas_bench_macro_cifar10.csv.gz": "NAS-Bench-Macro",
    "darts214_cifar10.csv.gz": "DARTS-214",
    "darts1000_cifar10.csv.gz": "DARTS-1000",
}
LEFT_OUT = {"with DARTS-214": "DARTS-1000", "with DARTS-1000": "DARTS-214", "without DARTS": "DARTS"}
"""Searches, and how the names of the tasks begin that they do not have.

The 214 networks of DARTS are almost equally good, so that no score ranks them well, and the smallest tau is mostly that
one; those of the 1,000 differ more.
"""
PARTS = (80, 80, 80)
"""Networks of a task for the evolution, the comparison and the figures below."""
SEEDS = int(os.environ.get("SEEDS", "3"))
FORMS = CollectingSettings(tuple(CLOSED_FORMS))


def drawn(table: Table, seed: int, count: int) -> tuple[list[Structure], list[float]]:
    """`count` different networks with their accuracies, or all if there are fewer."""
    networks, accuracies = networks_of(table), column(networks_of(table).sheet, table.accuracy)
    found: dict[Structure, float] = {}
    for i in np.random.default_rng(seed).permutation(len(accuracies)):
        found.setdefault(networks.structures[i], float(accuracies[i]))
        if len(found) == count:
            break
    return list(found), list(found.values())


def tasks_of(tables: Sequence[Table], seed: int, folder: Path) -> list[list[Task]]:
    """The tasks of the evolution, of the comparison, and of the figures."""
    found: list[list[Task]] = [[], [], []]
    image = np.zeros((1, 3, 32, 32), dtype=np.float32)  # whose size is all that counts
    for table in tables:
        structures, accuracies = drawn(table, seed, sum(PARTS))
        cache = collect(structures, image, folder / CHOSEN[table.file], FORMS)
        stored = [cache.network(structure) for structure in structures]
        begin = 0
        for part, count in zip(found, PARTS, strict=True):
            own = slice(begin, begin + count)
            part.append(with_statistics(CHOSEN[table.file], stored[own], accuracies[own]))
            begin += count
    return found


def print_row(name: str, one: Final) -> None:
    taus = "  ".join(f"{tau.value:.3f} ({tau.low:.2f} to {tau.high:.2f})" for tau in one.taus)
    print(f"{name:16} {'none' if one.value is None else f'{one.value:.3f}':>6}   {taus or one.reason}")


def main() -> None:
    torch.set_num_threads(1)
    print_machine()
    tables: dict[str, Table] = {}
    for table in TABLES:
        if table.file in CHOSEN and (DATA / table.file).is_file():
            tables.setdefault(table.file, table)  # of several accuracies, the first
    if len(tables) < len(CHOSEN):
        print(f"skipped: {', '.join(set(CHOSEN) - set(tables))} not found in {DATA} (NB201_DATA names the folder)")
        return
    print(f"Kendall's tau with its 95 % interval; tasks: {', '.join(CHOSEN[file] for file in tables)}")
    for seed in range(SEEDS):
        with tempfile.TemporaryDirectory() as folder:
            began = time.process_time()
            parts = tasks_of(list(tables.values()), seed, Path(folder) / "statistics")
            print(f"\nseed {seed}; statistics of all networks took {time.process_time() - began:.0f} s of CPU time")
            for title, left_out in LEFT_OUT.items():
                kept = [[task for task in tasks if not task.name.startswith(left_out)] for tasks in parts]
                searched(title, kept, seed, Path(folder) / title)


def searched(title: str, parts: Sequence[Sequence[Task]], seed: int, folder: Path) -> None:
    """Search with tasks, and print how the program that was chosen ranks networks that had no part in it."""
    settings = EvolutionSettings(to_scalar="sum", seed=seed)
    evolved, held_out, fresh = parts
    began = time.process_time()
    found = discover(settings, evolved, held_out, folder)
    taken = time.process_time() - began
    best = parse(found.programs[0].name)
    (own,) = compared([best], fresh, settings)
    evaluated = sum(generation.evaluated for generation in found.generations)
    print(f"\n{title}: {best}, {size(best)} nodes; smallest tau where it was chosen {found.programs[0].value or 0:.3f}")
    print(f"{evaluated:,} programs in {taken:.0f} s of CPU time")
    print_row("found", own)
    beside = {one.name: one for one in references(fresh, settings, FORMS)}
    for name in ("mean_field", "flops", "params"):
        print_row(name, beside[name])


if __name__ == "__main__":
    main()
