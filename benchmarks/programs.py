"""A search for programs as DEAP makes it: what an evaluation costs, and how much less than node by node.

The programs are those of a search with the default settings, with all that are not valid. They are evaluated in two
ways, and must have the same fitness: as a search does, together, on stacks of units; and each tree node by node, unit
by unit, without sharing anything, up to the first failure, with all statistics in memory. Both use the same operations.
Each way has the time from the programs of a generation to their fitness; the search's has that for programs that it
tries in vain to be early. For each space alone, programs of the first generations are evaluated again. The first
argument is the folder with the tables. PROGRAM_NETWORKS: networks a task; PROGRAM_GENERATIONS: of the search.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks._nb201 import data_or_leave
from benchmarks.common import print_machine
from zennas.common.numbers import format_bytes
from zennas.discovering import evolution
from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.collecting import collect
from zennas.discovering.evolution import Draft, next_generation
from zennas.discovering.fitness import Fitness, Race, Task, fitness, kendall
from zennas.discovering.grammar import Grammar
from zennas.discovering.source_settings import SourceSettings
from zennas.discovering.sources import Source, bytes_of_sources, collecting, drawn_sources, images_of
from zennas.discovering.tasks import part_of, with_statistics
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
NETWORKS, BY_SPACE = 20, 2


@dataclass(frozen=True)
class Evolved:
    """A generation of a search.

    trees: the programs that it tried, with all that are not valid. taus: their Kendall's taus, none if they are not
    valid. seconds: of CPU time, from drawing programs for empty places to the last fitness.
    """

    trees: tuple[Tree, ...]
    taus: tuple[tuple[float, ...], ...]
    tasks: tuple[Task, ...]
    seconds: float


def evolved(tasks: Sequence[Task], settings: EvolutionSettings) -> Iterator[Evolved]:
    """The generations of a search, one after the other."""
    inner, seen = evolution.filled, list[tuple[list[tuple[Tree, Fitness]], float]]()

    def watched(
        drafts: Sequence[Draft], race: Race, drawn: Callable[[int, int], Draft], tries: int
    ) -> list[list[tuple[Draft, Fitness]]]:
        began = time.process_time()
        found = inner(drafts, race, drawn, tries)
        took = time.process_time() - began
        seen.append(([(draft.tree, one) for of_place in found for draft, one in of_place], took))
        return found

    grammar, before = Grammar(settings, tuple(STATISTICS)), None
    evolution.filled = watched
    try:
        for _ in range(settings.generations):
            before = next_generation(before, tasks, grammar)
            met, took = seen[-1]
            drawn = tuple(part_of(task, draw) for task, draw in zip(tasks, before.draws, strict=True))
            yield Evolved(tuple(tree for tree, _ in met), tuple(one.taus for _, one in met), drawn, took)
    finally:
        evolution.filled = inner


class Plain:
    """Evaluates trees node by node. units: how many evaluations of a program on a unit there were."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.units = 0
        self._tasks = [(task, [list(map(dict, network.units)) for network in task.networks]) for task in tasks]

    def fitness(self, tree: Tree) -> tuple[float, ...]:
        """The taus, or none if the tree is not valid."""
        found = []
        for task, networks in self._tasks:
            try:
                tau = kendall([self.score(tree, units) for units in networks], task.accuracies)
            except ProgramError:
                return ()
            if isinstance(tau, str):
                return ()
            found.append(tau)
        return tuple(found)

    def score(self, tree: Tree, units: Sequence[dict[str, torch.Tensor]]) -> float:
        total = 0.0
        for unit in units:
            self.units += 1
            total += reduced(self.value(tree, unit), "mean")
        return total / len(units)

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


def alone(trees: Sequence[Tree], tasks: Sequence[Task]) -> tuple[list[tuple[float, ...]], float, int]:
    """The taus of programs one by one, the seconds that they took, and the evaluations of a program on a unit."""
    walker = Plain(tasks)
    began = time.process_time()
    found = [walker.fitness(tree) for tree in trees]
    return found, time.process_time() - began, walker.units


def print_times(name: str, plain: float, together: float, units: int) -> None:
    print(
        f"{name}: {plain:.0f} s node by node, {together:.0f} s together, {plain / together:.1f} times as fast; "
        f"a program on a unit takes {plain / units * 1e6:.0f} µs node by node, {together / units * 1e6:.0f} µs "
        "together",
        flush=True,
    )


def main() -> None:
    paths = data_or_leave(*(table for table, _, _ in TABLES))
    print_machine()
    torch.set_num_threads(1)
    count = int(os.environ.get("PROGRAM_NETWORKS", NETWORKS))
    _, spaces, datasets = zip(*TABLES, strict=True)
    generations = int(os.environ.get("PROGRAM_GENERATIONS", EvolutionSettings.generations))
    settings = EvolutionSettings(subset=count, generations=generations)
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
        plain, together, evaluations = 0.0, 0.0, 0
        parts = {label: [0.0, 0.0, 0.0] for label in PARTS}
        for number, one in enumerate(evolved(tasks, settings), start=1):
            steps = len(Together(list(dict.fromkeys(one.trees))).steps)
            taus, seconds, units = alone(one.trees, one.tasks)
            assert taus == list(one.taus)
            plain, together, evaluations = plain + seconds, together + one.seconds, evaluations + units
            print(
                f"generation {number}: {len(one.trees)} programs, {sum(map(size, one.trees))} nodes, {steps} of them "
                f"different; {seconds:.0f} s node by node, {one.seconds:.0f} s together, "
                f"{seconds / one.seconds:.1f} times as fast",
                flush=True,
            )
            if number > BY_SPACE:
                continue
            for label, chosen in PARTS.items():
                part = one.tasks[chosen]
                taus, seconds, units = alone(one.trees, part)
                began = time.process_time()
                found = fitness(one.trees, part)
                took = time.process_time() - began
                assert [each.taus for each in found] == taus
                parts[label] = [a + b for a, b in zip(parts[label], (seconds, took, units), strict=True)]
        print_times(f"{number} generations on all tasks", plain, together, evaluations)
        for label, (seconds, took, units) in parts.items():
            print_times(f"the first {BY_SPACE} on {label}", seconds, took, units)


if __name__ == "__main__":
    main()
