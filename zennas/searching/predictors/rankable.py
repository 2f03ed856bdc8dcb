"""What a strategy that ranks by predictions chooses from: a whole space if it is small, otherwise a pool."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from random import Random

from PlainNet import Structure
from SearchSpace import DecisionSpace, SearchSpace, SearchSpaceError

MOST = 50_000
"""Spaces with at most so many choices are ranked as a whole."""
_CHANGES = 4
"""The most changes of a mutation in a pool."""
_TRIES = 20
"""A pool ends after so many tries for each of its places: a budget can leave little."""


def whole(space: SearchSpace) -> list[Structure] | None:
    """Return all structures of a small space of decisions, in the order of their choices; None for another space."""
    if not isinstance(space, DecisionSpace):
        return None
    decisions = space.decisions()
    if math.prod(len(decision.options) for decision in decisions) > MOST:
        return None
    choices = product(*(range(len(decision.options)) for decision in decisions))
    return list(dict.fromkeys(one for own in choices if (one := _decoded(space, own)) is not None))


def _decoded(space: DecisionSpace, choices: tuple[int, ...]) -> Structure | None:
    """The structure of some choices; None if they make no network."""
    try:
        return space.decode(choices)
    except SearchSpaceError:
        return None


def drawn(space: SearchSpace, rng: Random, size: int) -> list[Structure]:
    """Return up to `size` different draws of a space."""
    return _different((space.sample(rng) for _ in range(_TRIES * size)), size)


def mutated(
    space: SearchSpace, rng: Random, size: int, parents: Sequence[Structure], fits: Callable[[Structure], bool]
) -> list[Structure]:
    """Return up to `size` different mutations of one of some parents, by 1 to 4 changes, that fit."""

    def tried() -> Iterator[Structure]:
        for _ in range(_TRIES * size):
            found = space.mutate(rng.choice(parents), rng, changes=rng.randint(1, _CHANGES))
            if fits(found):
                yield found

    return _different(tried(), size)


def _different(structures: Iterable[Structure], size: int) -> list[Structure]:
    found: dict[Structure, None] = {}
    for structure in structures:
        found[structure] = None
        if len(found) == size:
            break
    return list(found)
