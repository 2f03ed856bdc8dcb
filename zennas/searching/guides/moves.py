"""Children of a parent, and draws: one, or the best of several by a cheap score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING

from PlainNet import Structure
from SearchSpace import SearchSpace, neighbours
from zennas.common.limits import check_whole

if TYPE_CHECKING:
    from zennas.searching.guides.guide import Guide

NEIGHBOURS_AT_RANDOM = 0.25
"""The share of moves that are a neighbour at random, unless the guide says otherwise, as in Abdelfattah et al."""


class Moves:
    """Move proposals.

    fits: whether a structure is within the budget; those that are not are not scored. None if there is no budget.
    ranked: how many structures have been scored so far.
    """

    def __init__(self, guide: Guide | None, fits: Callable[[Structure], bool] | None = None) -> None:
        self.guide = guide if guide is not None and guide.moves else None
        self._fits = fits
        self.ranked = 0

    def child(self, space: SearchSpace, parent: Structure, rng: Random, changes: int = 1) -> Structure:
        """Return a mutation of a parent with so many changes; with move proposals, one of its neighbours."""
        if self.guide is None:
            return space.mutate(parent, rng, changes=changes)
        found = neighbours(space, parent, rng, self.guide.moves)
        if not found:  # a structure may have none within an open space
            return space.mutate(parent, rng, changes=changes)
        return found[self.best(found, rng, NEIGHBOURS_AT_RANDOM)]

    def drawn(self, space: SearchSpace, rng: Random) -> Structure:
        """Return a draw of the space; with move proposals, the best of several, as REINFORCE has them."""
        if self.guide is None:
            return space.sample(rng)
        found = [space.sample(rng) for _ in range(self.guide.moves)]
        return found[self.best(found, rng, 0.0)]

    def best(self, structures: Sequence[Structure], rng: Random, at_random: float) -> int:
        """Return the position of the best structure by the guide; of a share of the moves, one at random.

        If none of the structures is within the budget, it is one of all of them. at_random: the share if the guide has
        none.
        """
        assert self.guide is not None
        share = at_random if self.guide.at_random is None else self.guide.at_random
        places = [i for i, one in enumerate(structures) if self._fits is None or self._fits(one)]
        places = places or list(range(len(structures)))
        if rng.random() < share:
            return rng.choice(places)
        chosen = [structures[i] for i in places]
        self.ranked += len(set(chosen))
        return places[self.guide.best_first(chosen)[0]]

    def restore(self, ranked: int) -> None:
        """Continue with so many scored structures. Raises ValueError if it is no number of structures."""
        check_whole("moves_ranked", ranked, ValueError, least=0)
        self.ranked = ranked
