"""DARTS networks as TEG-NAS draws them: an operation for each possible edge, then the edges that are kept.

Each cell has 14 possible edges, from every earlier node to every node. All have an operation; of the edges into a node,
two are kept. They are drawn without replacement, with probabilities that follow the logits of their operations. The
decisions of `Darts` itself name the operations by the place of a source among the two; here a decision belongs to one
edge, whatever else is kept. `none` is not among the operations, as no genotype contains it.

Source: the code of Chen et al., Understanding and Accelerating Neural Architecture Search with Training-Free and
Theory-Grounded Metrics, 2021 (TEG-NAS).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import exp
from random import Random

from PlainNet import Structure
from SearchSpace.darts import NODES, SEARCHED
from SearchSpace.decisions import Decision, check_choices
from SearchSpace.genotype import Edge
from SearchSpace.views import Built

PLACES = tuple((node, source) for node in range(NODES) for source in range(node + 2))
"""The possible edges of a cell: the node that it leads to, counted from 0, and its source."""
DECISIONS = tuple(
    Decision(f"{cell}_node{node}_from{source}", SEARCHED) for cell in ("normal", "reduce") for node, source in PLACES
)
"""28 decisions: the operation of each possible edge of both cells."""


class EdgesView:
    """network: returns the structure of the edges of both cells."""

    def __init__(self, network: Callable[[tuple[Edge, ...], tuple[Edge, ...]], Structure]) -> None:
        self._network = network

    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions, those of the normal cell first."""
        return DECISIONS

    def build(self, choices: Sequence[int], logits: Sequence[float], rng: Random | None) -> Built:
        """Return the network of an operation for each edge; only the kept edges count.

        Without a generator, the two edges of a node with the highest logits are kept. Raises SearchSpaceError for
        invalid options.
        """
        check_choices(DECISIONS, choices)
        half = len(PLACES)
        kept = [*_kept(logits[:half], rng), *(half + i for i in _kept(logits[half:], rng))]
        edges = [(SEARCHED[choices[i]], PLACES[i % half][1]) for i in kept]
        return Built(self._network(tuple(edges[: 2 * NODES]), tuple(edges[2 * NODES :])), tuple(kept))


def _kept(logits: Sequence[float], rng: Random | None) -> Iterator[int]:
    """The positions of the two kept edges of each node of a cell, by source."""
    for node in range(NODES):
        here = [i for i, (there, _) in enumerate(PLACES) if there == node]
        yield from sorted(_two(here, [logits[i] for i in here], rng))


def _two(positions: list[int], logits: list[float], rng: Random | None) -> list[int]:
    if len(positions) == 2:
        return positions
    if rng is None:
        return sorted(positions, key=lambda i: -logits[positions.index(i)])[:2]
    highest = max(logits)
    weights = {i: exp(logit - highest) for i, logit in zip(positions, logits, strict=True)}
    first = _drawn(weights, rng)
    del weights[first]
    return [first, _drawn(weights, rng)]


def _drawn(weights: dict[int, float], rng: Random) -> int:
    left = rng.random() * sum(weights.values())
    for position, weight in weights.items():
        left -= weight
        if left < 0:
            return position
    return position  # rounding
