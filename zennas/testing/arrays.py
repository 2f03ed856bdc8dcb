"""What the contracts of array forms need: random structures of spaces that have one, and numbers that are repeated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from PlainNet import Structure
from SearchSpace import SPACES, ArraySpace, SearchSpace, SpaceArrays, load_space


class Repeated(Random):
    """A generator that returns given uniform numbers, in order."""

    def __new__(cls, numbers: Iterable[float]) -> Repeated:
        return super().__new__(cls)

    def __init__(self, numbers: Iterable[float]) -> None:
        super().__init__()
        self._numbers = iter(numbers)

    def random(self) -> float:
        return next(self._numbers)


def form_of(space: SearchSpace) -> SpaceArrays | None:
    """Return the array form of a space, or None if it has none."""
    return space.arrays() if isinstance(space, ArraySpace) else None


def spaces_with_arrays() -> Iterator[tuple[SearchSpace, SpaceArrays]]:
    """Return the registered spaces that have an array form, with it."""
    for name in SPACES.names():
        space = load_space(name)
        form = form_of(space)
        if form is not None:
            yield space, form


def walked(space: SearchSpace, count: int, seed: int = 0, steps: int = 25) -> list[Structure]:
    """Return random structures of a space, the initial one first."""
    rng, found = Random(seed), [space.initial()]
    while len(found) < count:
        structure = space.initial()
        for _ in range(rng.randint(1, steps)):
            structure = space.mutate(structure, rng)
        found.append(structure)
    return found
