"""Random trees for tests."""

from __future__ import annotations

from random import Random

from ZeroShotProxy.programs.operations import OPERATIONS
from ZeroShotProxy.programs.statistics import STATISTICS
from ZeroShotProxy.programs.tree import Call, Leaf, Tree


def random_tree(rng: Random, deepest: int) -> Tree:
    """A tree of at most `deepest` operations on top of each other."""
    if not deepest or rng.random() < 0.15:
        return Leaf(rng.choice(list(STATISTICS)))
    operation = rng.choice(list(OPERATIONS.values()))
    return Call(operation.name, tuple(random_tree(rng, deepest - 1) for _ in range(operation.arity)))
