"""Random trees for tests."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ZeroShotProxy.programs.operations import OPERATIONS
from ZeroShotProxy.programs.statistics import STATISTICS
from ZeroShotProxy.programs.tree import Call, Leaf, Tree


def random_tree(rng: Random, deepest: int, statistics: Sequence[str] = tuple(STATISTICS)) -> Tree:
    """A tree of at most `deepest` operations on top of each other."""
    if not deepest or rng.random() < 0.15:
        return Leaf(rng.choice(statistics))
    operation = rng.choice(list(OPERATIONS.values()))
    return Call(operation.name, tuple(random_tree(rng, deepest - 1, statistics) for _ in range(operation.arity)))
