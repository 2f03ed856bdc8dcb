"""A search for programs as DEAP makes it: what an evaluation costs, and how much less than node by node.

The programs are those of the first generations of a search with the default settings, with all that are not valid. They
are evaluated again in two ways, in turn, and must have the same fitness: all together, on stacks of units, as a search
does; and each tree node by node, unit by unit, without sharing anything, up to the first failure. Both use the same
operations. The first argument is the folder with the tables. PROGRAM_NETWORKS: networks a task.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks._nb201 import data_or_leave
from benchmarks.common import print_machine
from zennas.common.numbers import format_bytes
from zennas.discovering import evolution
from zennas.discovering.cache import Stored
from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.collecting import collect
from zennas.discovering.evolution import next_generation
from zennas.discovering.fitness import Fitness, Task, fitness, kendall
from zennas.discovering.grammar import Grammar
from zennas.discovering.source_settings import SourceSettings
from zennas.discovering.sources import Source, bytes_of_sources, collecting, drawn_sources, images_of
from zennas.discovering.tasks import with_statistics
from zennas.discovering.workers import Evaluate
from ZeroShotProxy.programs.errors import ProgramError
from ZeroShotProxy.programs.operations import apply
from ZeroShotProxy.programs.running import reduced
from ZeroShotProxy.programs.statistics import STATISTICS
from ZeroShotProxy.programs.together import Together
from ZeroShotProxy.programs.tree import Leaf, Tree, size

TABLES = (
    ("nb201_accuracy.csv.gz", "nasbench201", "cifar10"),
    ("nb201_accuracy.csv.gz", "nasbench201", "cifar100"),
    ("nas_bench_macro_cifar10.csv.gz", "nasbench-macro", "cifar10"),
    ("channel_bench_macro_resnet_cifar10.csv.gz", "channelbench-resnet", "cifar10"),
)
PARTS = {"NAS-Bench-201": slice(0, 2), "NAS-Bench-Macro": slice(2, 3), "Channel-Bench": slice(3, 4)}
GENERATIONS, NETWORKS = 2, 20


@dataclass(frozen=True)
class Asked:
    """Programs that a search evaluated together."""

    trees: tuple[Tree, ...]
    tasks: tuple[Task, ...]


def recorded(tasks: Sequence[Task], settings: EvolutionSettings) -> list[list[Asked]]:
    """What the first generations of a search evaluate."""
    inner, asked = evolution.fitness, list[list[Asked]]()

    def watched(trees: Sequence[Tree], seen: Sequence[Task], evaluate: Evaluate, sizes: bool) -> list[Fitness]:
        asked[-1].append(Asked(tuple(trees), tuple(seen)))
        return inner(trees, seen, evaluate, sizes)

    grammar, before = Grammar(settings, tuple(STATISTICS)), None
    evolution.fitness = watched
    try:
        for _ in range(GENERATIONS):
            asked.append([])
            before = next_generation(before, tasks, grammar)
    finally:
        evolution.fitness = inner
    return asked


class Plain:
    """Trees evaluated node by node. units: how many evaluations of a program on a unit there were."""

    def __init__(self) -> None:
        self.units = 0

    def fitness(self, tree: Tree, tasks: Sequence[Task]) -> tuple[float, ...]:
        """The taus, or none if the tree is not valid."""
        found = []
        for task in tasks:
            try:
                tau = kendall([self.score(tree, network) for network in task.networks], task.accuracies)
            except ProgramError:
                return ()
            if isinstance(tau, str):
                return ()
            found.append(tau)
        return tuple(found)

    def score(self, tree: Tree, network: Stored) -> float:
        total = 0.0
        for unit in network.units:
            self.units += 1
            total += reduced(self.value(tree, unit), "mean")
        return total / len(network.units)

    def value(self, tree: Tree, unit: dict[str, torch.Tensor]) -> torch.Tensor:
        if isinstance(tree, Leaf):
            return unit[tree.statistic]
        return apply(tree.operation, [self.value(argument, unit) for argument in tree.arguments])


def collected(settings: SourceSettings, source: Source, folder: Path) -> Task:
    """The task of a source, without the networks that are held out."""
    cache = collect(source.structures, images_of(settings, source, 0), folder, collecting(settings, source, 0))
    count = settings.networks
    stored = [cache.network(structure) for structure in source.structures[:count]]
    return with_statistics(source.name, stored, source.accuracies[:count])


def part(asked: Asked, chosen: slice) -> Asked:
    return Asked(asked.trees, asked.tasks[chosen])


def compared(name: str, generations: Sequence[Sequence[Asked]]) -> None:
    """Print the times of both ways, generation by generation, and their ratio."""
    ratios, together, plain, units = [], 0.0, 0.0, 0
    for asked in generations:
        began, walker = time.process_time(), Plain()
        alone = [[walker.fitness(tree, each.tasks) for tree in each.trees] for each in asked]
        middle = time.process_time()
        found = [fitness(each.trees, each.tasks) for each in asked]
        end = time.process_time()
        assert [[one.taus for one in each] for each in found] == alone
        ratios.append((middle - began) / (end - middle))
        together, plain, units = together + end - middle, plain + middle - began, units + walker.units
    print(
        f"{name}: {plain:.0f} s node by node, {together:.0f} s together, {plain / together:.1f} times as fast "
        f"({', '.join(f'{ratio:.1f}' for ratio in ratios)} for each generation); a program on a unit takes "
        f"{plain / units * 1e6:.0f} µs node by node, {together / units * 1e6:.0f} µs together",
        flush=True,
    )


def main() -> None:
    paths = data_or_leave(*(table for table, _, _ in TABLES))
    print_machine()
    torch.set_num_threads(1)
    count = int(os.environ.get("PROGRAM_NETWORKS", NETWORKS))
    _, spaces, datasets = zip(*TABLES, strict=True)
    settings = EvolutionSettings(subset=count)
    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        folder = Path(name)
        source = SourceSettings(tuple(map(str, paths)), spaces, datasets, networks=count, held_out=2)
        drawn = drawn_sources(source, seed=0)
        began = time.perf_counter()
        tasks = [collected(source, one, folder / one.name) for one in drawn]
        took = time.perf_counter() - began
        units = sum(len(network.units) for task in tasks for network in task.networks)
        networks = sum(len(one.structures) for one in drawn)
        print(
            f"{len(tasks)} tasks of {count} networks, {units} units; statistics of {networks} networks: "
            f"{format_bytes(bytes_of_sources(source, drawn))}, {took / networks:.2f} s a network",
            flush=True,
        )
        generations = recorded(tasks, settings)
        for number, asked in enumerate(generations, start=1):
            trees = [tree for each in asked for tree in each.trees]
            print(
                f"generation {number}: {len(trees)} programs, {sum(map(size, trees))} nodes, "
                f"{len(Together(list(dict.fromkeys(trees))).steps)} of them different"
            )
        compared("all tasks", generations)
        for label, chosen in PARTS.items():
            compared(label, [[part(each, chosen) for each in asked] for asked in generations])


if __name__ == "__main__":
    main()
