"""The scores of trees on networks whose statistics are in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zennas.discovering.cache import Stored
from zennas.discovering.errors import DiscoveryError
from ZeroShotProxy.programs.running import ToScalar
from ZeroShotProxy.programs.together import MOST_BYTES, Value, scores
from ZeroShotProxy.programs.tree import Tree, statistics_of


def values(tree: Tree, networks: Iterable[Stored], to_scalar: ToScalar = "mean") -> list[Value]:
    """Return the score of each network by a tree, or in one line the reason why it has none. See `values_of_trees`."""
    return values_of_trees([tree], networks, to_scalar)[0]


def values_of_trees(
    trees: Sequence[Tree],
    networks: Iterable[Stored],
    to_scalar: ToScalar = "mean",
    most_bytes: int = MOST_BYTES,
) -> list[list[Value]]:
    """Return for each tree its scores on all networks; subtrees that are equal are evaluated once for each unit.

    Scores are those of `running.Program`. to_scalar: how the value of a tree on a unit becomes a number. most_bytes: of
    the values of shared subtrees.

    Raises DiscoveryError if a tree reads a statistic that has not been collected, CacheError if a file cannot be read,
    and WritingError if an operation writes into its argument.
    """
    by_network = [values_of_network(trees, network, to_scalar, most_bytes) for network in networks]
    return [[found[i] for found in by_network] for i in range(len(trees))]


def values_of_network(
    trees: Sequence[Tree], network: Stored, to_scalar: ToScalar = "mean", most_bytes: int = MOST_BYTES
) -> list[Value]:
    """Return the score of a network by each tree, or the reason why it has none. See `values_of_trees`."""
    if network.missing is not None:
        return [network.missing] * len(trees)
    _refuse_unknown(trees, network)
    return scores(trees, network.units, to_scalar, most_bytes)


def _refuse_unknown(trees: Iterable[Tree], network: Stored) -> None:
    """Raise DiscoveryError if a tree reads a statistic that has not been collected."""
    known = set(network.layout.units[0])
    for tree in trees:
        lacking = sorted(statistics_of(tree) - known)
        if lacking:
            raise DiscoveryError(f"the program reads {lacking[0]}, which has not been collected: {str(tree)[:200]}")
