"""Structures drawn from a space, with which a search begins: those of a warm-up first, best first."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from PlainNet import Structure
from SearchSpace import DecisionSpace, SearchSpace
from zennas.common.errors import WrongSettingError
from zennas.common.limits import check_whole

if TYPE_CHECKING:
    from zennas.searching.guides.guide import Guide
    from zennas.searching.guides.moves import Moves
    from zennas.searching.strategies.base import Problem

_KEY_BITS = 63


class Draws:
    """A stream of draws, with replacement.

    A warm-up draws many structures by a generator of its own, scores them, and gives them in the order of their scores;
    draws that are equal stay. Its state is the key of the generator and the places that are left, so a search that is
    continued draws again and does not score again.

    ranked: how many structures the warm-up has scored.
    """

    def __init__(self, space: SearchSpace, guide: Guide | None) -> None:
        self._space, self._guide = space, guide if guide is not None and guide.warm_up else None
        self._key: int | None = None
        self._drawn: list[Structure] = []
        self._left: list[int] = []
        self.ranked = 0

    @property
    def warm(self) -> bool:
        """Whether there is a warm-up."""
        return self._guide is not None

    @property
    def chosen(self) -> bool:
        """Whether the next structure is one that a warm-up has chosen, or is about to choose."""
        return bool(self._left) or (self._guide is not None and self._key is None)

    def next(self, rng: Random, moves: Moves | None = None) -> Structure:
        """Return the next structure. rng: the generator of the search. moves: draw what a warm-up has not chosen."""
        if self._guide is not None and self._key is None:
            self._key = rng.getrandbits(_KEY_BITS)
            self._draw(self._key)
            self._left = self._guide.best_first(self._drawn)[::-1]  # the best is taken first, from the end
            self.ranked = len(set(self._drawn))
        if self._left:
            return self._drawn[self._left.pop()]
        return self._space.sample(rng) if moves is None else moves.drawn(self._space, rng)

    def close(self) -> None:
        """Forget the rest of a warm-up."""
        self._drawn, self._left = [], []

    def _draw(self, key: int) -> None:
        assert self._guide is not None
        own = Random(key)
        self._drawn = [self._space.sample(own) for _ in range(self._guide.warm_up)]

    def state(self) -> dict[str, Any]:
        """Return the state as JSON."""
        return {"key": self._key, "left": list(self._left), "ranked": self.ranked}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`. Raises KeyError, TypeError or ValueError if it is not one."""
        key, left = state["key"], list(state["left"])
        check_whole("ranked", state["ranked"], ValueError, least=0)
        self._key, self._left, self._drawn, self.ranked = key, left, [], state["ranked"]
        if left:
            check_whole("key", key, ValueError, least=0, most=2**_KEY_BITS - 1)
            self._draw(key)
            for place in left:
                check_whole("place", place, ValueError, least=0, most=len(self._drawn) - 1)


def check_warm_up(problem: Problem) -> None:
    """Raise WrongSettingError if a warm-up has nothing to choose from, because a population begins with one structure.

    That is so in open spaces, where a draw hardly ever fits a budget, and if the user names the beginning.
    """
    guide, initial = problem.guide, problem.initial
    if guide is None or not guide.warm_up or (isinstance(problem.space, DecisionSpace) and initial is None):
        return
    way_out = "leave out --initial" if initial is not None else "use a space of decisions, or --strategy reinforce"
    raise WrongSettingError(
        f"--warm-up {guide.warm_up:,} draws the beginning of the population, mutations of one structure here: leave "
        f"out --warm-up, or {way_out}"
    )
