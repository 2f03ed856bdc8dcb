"""Children of a parent: a mutation, or the best of several neighbours by a cheap score."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from PlainNet import Structure
from SearchSpace import SearchSpace, neighbours
from zennas.common.limits import check_whole

if TYPE_CHECKING:
    from zennas.searching.guide import Guide

NEIGHBOURS_AT_RANDOM = 0.25
"""The share of moves that are a neighbour at random, unless the guide says otherwise, as in Abdelfattah et al."""


class Moves:
    """Move proposals. ranked: how many structures they have scored so far."""

    def __init__(self, guide: Guide | None) -> None:
        self.guide = guide if guide is not None and guide.moves else None
        self.ranked = 0

    def child(self, space: SearchSpace, parent: Structure, rng: Random, changes: int = 1) -> Structure:
        """Return a mutation of a parent with so many changes; with move proposals, one of its neighbours."""
        if self.guide is None:
            return space.mutate(parent, rng, changes=changes)
        found = neighbours(space, parent, rng, self.guide.moves)
        if not found:  # a structure may have none within an open space
            return space.mutate(parent, rng, changes=changes)
        return found[self.best(found, rng, NEIGHBOURS_AT_RANDOM)]

    def best(self, structures: Sequence[Structure], rng: Random, at_random: float) -> int:
        """Return the position of the best structure by the guide; of a share of the moves, one at random.

        at_random: the share if the guide has none.
        """
        assert self.guide is not None
        share = at_random if self.guide.at_random is None else self.guide.at_random
        if rng.random() < share:
            return rng.randrange(len(structures))
        self.ranked += len(structures)
        return self.guide.best_first(structures)[0]

    def restore(self, ranked: int) -> None:
        """Continue with so many scored structures. Raises ValueError if it is no number of structures."""
        check_whole("moves_ranked", ranked, ValueError, least=0)
        self.ranked = ranked
