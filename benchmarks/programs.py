"""Random programs on stored statistics: the time of a program on a unit, with shared subtrees and one at a time.

Half of the trees are new, half are made of two others, as crossover makes them. Both ways run in turn in one process
and must give equal scores. The ratio holds for these trees: a search whose trees are relatives has more in common.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import torch

from benchmarks.common import print_machine
from PlainNet import Structure
from SearchSpace.nasbench201 import OPERATIONS as EDGES
from SearchSpace.nasbench201 import Cell201, network
from zennas.common.numbers import format_bytes
from zennas.discovering.cache import Stored
from zennas.discovering.collecting import collect
from zennas.discovering.evaluation import values, values_of_trees
from zennas.discovering.layout import bytes_of
from zennas.discovering.settings import CollectingSettings
from ZeroShotProxy.programs.operations import OPERATIONS
from ZeroShotProxy.programs.statistics import STATISTICS
from ZeroShotProxy.programs.together import Together, Value
from ZeroShotProxy.programs.tree import Call, Leaf, Tree, size

TREES, DEEPEST, NETWORKS, SIDE, CHANNELS, CELLS, ROUNDS = 48, 5, 4, 32, 8, 1, 5


def tree_of(rng: Random, deepest: int) -> Tree:
    """A random tree of at most `deepest` operations on top of each other."""
    if not deepest or rng.random() < 0.1:
        return Leaf(rng.choice(list(STATISTICS)))
    operation = rng.choice(list(OPERATIONS.values()))
    return Call(operation.name, tuple(tree_of(rng, deepest - 1) for _ in range(operation.arity)))


def joined(rng: Random, trees: list[Tree]) -> Tree:
    """A random argument of a tree replaced with another tree, as in crossover."""
    one, other = rng.choice(trees), rng.choice(trees)
    if isinstance(one, Leaf):
        return other
    arguments = list(one.arguments)
    arguments[rng.randrange(len(arguments))] = other
    return Call(one.operation, tuple(arguments))


def scored(tree: Tree, networks: list[Stored]) -> bool:
    return all(isinstance(value, float) for value in values(tree, networks))


def trees_that_run(rng: Random, networks: list[Stored]) -> list[Tree]:
    """Different trees that have a score for every network, so that both ways do the same work."""
    found: list[Tree] = []
    while len(found) < TREES:
        tree = tree_of(rng, DEEPEST) if len(found) < TREES // 2 else joined(rng, found)
        if size(tree) > 1 and tree not in found and scored(tree, networks):
            found.append(tree)
    return found


def structures() -> list[Structure]:
    rng = Random(0)
    return [
        network(Cell201(tuple(rng.randrange(1, len(EDGES)) for _ in range(6))), CHANNELS, CELLS)
        for _ in range(NETWORKS)
    ]


def timed(function: Callable[[], list[list[Value]]]) -> tuple[float, list[list[Value]]]:
    began = time.perf_counter()
    found = function()
    return time.perf_counter() - began, found


def main() -> None:
    print_machine()
    torch.set_num_threads(1)
    settings = CollectingSettings()
    images = np.random.default_rng(0).standard_normal((1, 3, SIDE, SIDE), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        cache = collect(structures(), images, Path(folder), settings)
        took = time.perf_counter() - began
        networks = [cache.network(structure) for structure in structures()]
        units = sum(len(one.units) for one in networks)
        told = sum(bytes_of(structure, settings, SIDE) for structure in structures())
        print(f"{NETWORKS} networks, {units} units, {format_bytes(told)} of statistics, collected in {took:.2f} s")
        trees = trees_that_run(Random(1), networks)
        nodes, steps = sum(map(size, trees)), len(Together(trees).steps)
        print(f"{TREES} trees of {nodes} nodes, of which {steps} are different")
        times: dict[str, list[float]] = {"shared": [], "alone": []}
        for _ in range(ROUNDS):
            shared, one = timed(lambda: values_of_trees(trees, networks))
            alone, other = timed(lambda: [values(tree, networks) for tree in trees])
            assert one == other
            times["shared"].append(shared)
            times["alone"].append(alone)
    each = {name: statistics.median(found) / (TREES * units) * 1e6 for name, found in times.items()}
    ratios = [a / b for a, b in zip(times["shared"], times["alone"], strict=True)]
    print(
        f"a program on a unit, {ROUNDS} rounds in turn: {each['alone']:.0f} µs alone, {each['shared']:.0f} µs shared, "
        f"{statistics.median(ratios):.2f} of it ({min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
