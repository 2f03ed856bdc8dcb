"""The scores of trees on networks whose statistics are in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from zennas.discovering.cache import Stored
from zennas.discovering.errors import DiscoveryError
from ZeroShotProxy.programs.running import ToScalar
from ZeroShotProxy.programs.together import MOST_BYTES, Value, scores
from ZeroShotProxy.programs.tree import Tree, statistics_of

if TYPE_CHECKING:
    from torch import Tensor


def values(tree: Tree, networks: Iterable[Stored], to_scalar: ToScalar = "mean") -> list[Value]:
    """Return the score of each network by a tree, or in one line the reason why it has none. See `values_of_trees`."""
    return values_of_trees([tree], networks, to_scalar)[0]


def values_of_trees(
    trees: Sequence[Tree],
    networks: Iterable[Stored],
    to_scalar: ToScalar = "mean",
    most_bytes: int = MOST_BYTES,
    *,
    noise: bool = False,
) -> list[list[Value]]:
    """Return for each tree its scores on all networks; subtrees that are equal are evaluated once for each unit.

    Scores are those of `running.Program`. to_scalar: how the value of a tree on a unit becomes a number. most_bytes: of
    the values of shared subtrees. noise: whether all statistics are replaced with noise from N(0, 1) of the same
    shapes, always the same for a network.

    Raises DiscoveryError if a tree reads a statistic that has not been collected, CacheError if a file cannot be read,
    and WritingError if an operation writes into its argument.
    """
    networks = list(networks)
    known = [network for network in networks if network.missing is None]
    _refuse_unknown(trees, known)
    shapes = [network.layout.shapes for network in known]
    units = [_noise(network) if noise else network.units for network in known]
    by_tree = scores(trees, units, to_scalar, most_bytes, shapes)
    found = [iter(of_tree) for of_tree in by_tree]
    return [
        [next(of_tree) if network.missing is None else network.missing for network in networks] for of_tree in found
    ]


class _Noise(Mapping[str, "Tensor"]):
    """A unit whose statistics are noise, which is made when it is read."""

    def __init__(self, network: Stored, number: int) -> None:
        self._seed, self._shapes = f"{network.path.stem}/{number}", network.layout.shapes[number]

    def __getitem__(self, name: str) -> Tensor:
        import torch

        seed = int.from_bytes(sha256(f"{self._seed}/{name}".encode()).digest()[:8], "big") >> 1
        return torch.randn(self._shapes[name], generator=torch.Generator().manual_seed(seed))

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def _noise(network: Stored) -> list[_Noise]:
    return [_Noise(network, number) for number in range(len(network.layout.shapes))]


def _refuse_unknown(trees: Iterable[Tree], networks: Iterable[Stored]) -> None:
    """Raise DiscoveryError if a tree reads a statistic that has not been collected."""
    known = [set(network.layout.shapes[0]) for network in networks]
    for tree in trees:
        read = statistics_of(tree)
        lacking = sorted({name for names in known for name in read - names})
        if lacking:
            raise DiscoveryError(f"the program reads {lacking[0]}, which has not been collected: {str(tree)[:200]}")
