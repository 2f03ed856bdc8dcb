"""Open spaces as lists of decisions: a walk takes a fixed number of steps, each one of a few keyed mutations, or none.

The option of a step keys the generator of its mutation. So the same options always lead to the same structure, and a
policy can learn which of them are good, although an open space has no list of decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random

from PlainNet import Structure
from SearchSpace.base import SearchSpace
from SearchSpace.decisions import Decision, check_choices
from SearchSpace.views import Built

STEPS = 12
MUTATIONS = 8
CHANGES = 2
"""Changes of a mutation, as many as evolution makes."""
KNOWN = 8192
"""Steps whose results are remembered: walks of a policy that has learned begin alike."""


class Walks:
    """The walks of a space from one structure.

    start: where all walks begin. fits: whether a structure may be on the way; a step that leads elsewhere is not made.
    key: together with the position of the step and its option, it decides each mutation.
    """

    def __init__(
        self,
        space: SearchSpace,
        start: Structure,
        fits: Callable[[Structure], bool],
        key: int = 0,
        steps: int = STEPS,
        mutations: int = MUTATIONS,
    ) -> None:
        self._space, self._start, self._fits, self._key = space, start, fits, key
        labels = ("none", *(f"mutation {i}" for i in range(1, mutations + 1)))
        self._decisions = tuple(Decision(f"step{i}", labels) for i in range(1, steps + 1))
        self._after = lru_cache(maxsize=KNOWN)(self._step)

    def decisions(self) -> tuple[Decision, ...]:
        """Return one decision for each step. The first option is to stay."""
        return self._decisions

    def build(self, choices: Sequence[int], logits: Sequence[float], rng: Random | None) -> Built:
        """Return the structure at the end of a walk. Raises SearchSpaceError for invalid options."""
        check_choices(self._decisions, choices)
        return Built(self.end(choices), tuple(range(len(choices))))

    def end(self, choices: Sequence[int]) -> Structure:
        """Return the structure at the end of a walk. choices: valid, one option for each step."""
        structure = self._start
        for place, option in enumerate(choices):
            if option:
                structure = self._after(structure, place, option)
        return structure

    def _step(self, structure: Structure, place: int, option: int) -> Structure:
        own = Random(f"{self._key} {place} {option}")
        found = self._space.mutate(structure, own, changes=CHANGES)
        return found if self._fits(found) else structure
