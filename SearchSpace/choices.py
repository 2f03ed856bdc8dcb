"""Search spaces that are written as one structure with choices, `…Choice{a;b;…}…`: a decision for each choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from PlainNet import BlockSpec, Structure, StructureError
from PlainNet.choices import IDENTITY, Choice, choices_of, chosen
from SearchSpace.base import SearchSpaceError
from SearchSpace.decisions import Decision, DecisionSpace, check_choices


@dataclass(frozen=True)
class ChoiceSpace(DecisionSpace):
    """The networks that the choices of a structure make. A mutation changes random decisions.

    supernet: the structure with choices. start: the initial structure, which is in the space; None for the one of first
    alternatives. Raises SearchSpaceError if the structure has no choices, or `start` is not in the space.
    """

    supernet: Structure
    start: Structure | None = None
    name: str = "choices"

    def __post_init__(self) -> None:
        if not self.made:
            raise SearchSpaceError(f"{str(self.supernet)[:120]} has no Choice{{…}}, expected at least one")
        if self.start is not None:
            self.encode(self.start)

    @cached_property
    def made(self) -> tuple[Choice, ...]:
        """The choices of the structure. Raises SearchSpaceError if two of one name do not fit."""
        try:
            return choices_of(self.supernet)
        except StructureError as error:
            raise SearchSpaceError(error.message) from None

    def initial(self) -> Structure:
        """Return the structure that a search starts from."""
        return chosen(self.supernet, [0] * len(self.made)) if self.start is None else self.start

    def sample(self, rng: Random) -> Structure:
        """Return a network whose decisions are drawn uniformly."""
        return self.sample_uniform(rng)

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        """Return the network with `changes` random decisions changed."""
        picks = list(self.encode(structure))
        decisions = self.decisions()
        open_places = [place for place, decision in enumerate(decisions) if len(decision.options) > 1]
        for place in rng.sample(open_places, min(changes, len(open_places))):
            others = [option for option in range(len(decisions[place].options)) if option != picks[place]]
            picks[place] = rng.choice(others)
        return chosen(self.supernet, picks)

    def contains(self, structure: Structure) -> bool:
        """Return whether `structure` is in the space."""
        return self._find(structure) is not None

    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions of the space, in the order of `choices`."""
        return tuple(Decision(choice.name, choice.options) for choice in self.made)

    def encode(self, structure: Structure) -> tuple[int, ...]:
        """Return the decisions that make `structure`, the first in order if several do. Raises SearchSpaceError."""
        found = self._find(structure)
        if found is None:
            raise SearchSpaceError(f"{str(structure)[:120]} is not a network of {self.name}")
        return found

    def decode(self, choices: Sequence[int]) -> Structure:
        """Return the network of these decisions. Raises SearchSpaceError unless each is a valid index."""
        check_choices(self.decisions(), choices)
        return chosen(self.supernet, choices)

    def _find(self, structure: Structure) -> tuple[int, ...] | None:
        """The first decisions in order whose network is `structure`, None if there are none."""
        number_at = {place: number for number, choice in enumerate(self.made) for place in choice.places}
        dead: set[tuple[int, int, tuple[int | None, ...]]] = set()
        shared = [number for number, choice in enumerate(self.made) if len(choice.places) > 1]
        picks: list[int | None] = [None] * len(self.made)

        def walk(place: int, position: int) -> bool:
            if place == len(self.supernet.blocks):
                return position == len(structure.blocks)
            state = (place, position, tuple(picks[number] for number in shared))
            if state in dead:
                return False
            spec, number = self.supernet.blocks[place], number_at.get(place)
            before = None if number is None else picks[number]
            options = range(len(spec.branches)) if number is not None and before is None else (before or 0,)
            for option in options:
                blocks = (spec,) if number is None else spec.branches[option]
                following = _after(structure, position, blocks)
                if following is None:
                    continue
                if number is not None:
                    picks[number] = option
                if walk(place + 1, following):
                    return True
                if number is not None:
                    picks[number] = before
            dead.add(state)
            return False

        return tuple(pick or 0 for pick in picks) if walk(0, 0) else None


def _after(structure: Structure, position: int, blocks: tuple[BlockSpec, ...]) -> int | None:
    """The position behind `blocks` in the structure, None if others are there. Identities are not in a structure."""
    wanted = tuple(spec for spec in blocks if spec.kind != IDENTITY)
    end = position + len(wanted)
    return end if structure.blocks[position:end] == wanted else None
