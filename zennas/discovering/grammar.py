"""Random programs and their variation, by the genetic programming of DEAP, which is imported at first use.

DEAP draws from Python's global generator. `drawing` seeds it and gives it back as it was.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

from zennas.discovering.choices import EvolutionSettings
from zennas.discovering.errors import DiscoveryError
from ZeroShotProxy.programs.terminals import kind_of, operations_on
from ZeroShotProxy.programs.tree import Call, Leaf, Tree, depth, nodes, size

GROWN = 2
"""The largest depth of a subtree that a mutation draws, as in DEAP's examples."""
_DRAWS = 1000
"""So many random trees in a row may have too many nodes."""


@contextmanager
def drawing(*key: object) -> Iterator[None]:
    """Seed Python's global generator by a key, and give it back as it was in the end."""
    state = random.getstate()
    random.seed("/".join(map(str, key)))  # a text gives the same numbers in every process, unlike its hash
    try:
        yield
    finally:
        random.setstate(state)


def deap(part: str) -> Any:
    """Return a module of DEAP. Raises DiscoveryError if it is not installed."""
    try:
        return import_module(f"deap.{part}")
    except ImportError as error:
        raise DiscoveryError(
            f"searching for programs needs the package deap ({error}): pip install 'zennas[discover]'"
        ) from None


class Grammar:
    """What programs are made of, and how they are drawn and varied. Call its methods within `drawing`.

    statistics: those that programs may read. Raises DiscoveryError if DEAP is not installed.
    """

    def __init__(self, settings: EvolutionSettings, statistics: Sequence[str]) -> None:
        self.settings = settings
        self._gp = deap("gp")
        self._set = self._gp.PrimitiveSet("program", 0)
        for operation in operations_on(kind_of(statistics)):
            self._set.addPrimitive(operation.function, operation.arity, name=operation.name)
        for name in statistics:
            self._set.addTerminal(name, name=name)

    def random(self) -> Tree:
        """Return a random tree of the allowed depths: of DEAP's full and growing ones, half each.

        Raises DiscoveryError if all of many trees have too many nodes.
        """
        least, most = self.settings.shallowest, self.settings.deepest
        for _ in range(_DRAWS):
            tree = self.ours(self._gp.genHalfAndHalf(self._set, least, most))
            if self.allowed(tree):
                return tree
        raise DiscoveryError(
            f"{_DRAWS} random programs in a row have more than {self.settings.nodes} nodes: allow more, or less depth"
        )

    def crossed(self, first: Tree, second: Tree) -> Tree:
        """Return the first tree with a subtree of the second, or the first if the child is not allowed."""
        child, _ = self._gp.cxOnePoint(self.theirs(first), self.theirs(second))
        return self._or_parent(child, first)

    def mutated(self, tree: Tree) -> Tree:
        """Return the tree with a random subtree, or the tree if the child is not allowed."""
        grow = partial(self._gp.genFull, min_=0, max_=GROWN)
        (child,) = self._gp.mutUniform(self.theirs(tree), grow, self._set)
        return self._or_parent(child, tree)

    def allowed(self, tree: Tree) -> bool:
        """Return whether a tree has an allowed depth and size."""
        chosen = self.settings
        return chosen.shallowest <= depth(tree) <= chosen.deepest and size(tree) <= chosen.nodes

    def theirs(self, tree: Tree) -> Any:
        """Return DEAP's form of a tree."""
        names = (node.statistic if isinstance(node, Leaf) else node.operation for node in nodes(tree))
        return self._gp.PrimitiveTree([self._set.mapping[name] for name in names])

    def ours(self, tree: Sequence[Any]) -> Tree:
        """Return our form of DEAP's tree."""
        left = iter(tree)

        def read() -> Tree:
            node = next(left)
            return Call(node.name, tuple(read() for _ in range(node.arity))) if node.arity else Leaf(node.name)

        return read()

    def _or_parent(self, child: Sequence[Any], parent: Tree) -> Tree:
        found = self.ours(child)
        return found if self.allowed(found) else parent
