"""Search spaces whose networks are written as digits, one for each decision: what the macro benchmarks share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from PlainNet import Structure
from SearchSpace.base import SearchSpaceError
from SearchSpace.decisions import Decision, DecisionSpace, check_choices

Choices = tuple[int, ...]


@dataclass(frozen=True)
class DigitSpace(DecisionSpace):
    """A search space of networks that are written as digits. A mutation changes random digits.

    places: the decisions. first: the digit of each decision's first option.
    network: the structure of one choice for each decision.
    choices_of: the choices of a structure that `network` made, always the same ones if several make it. Raises
        SearchSpaceError for any other structure.
    start: the initial structure, which is in the space.
    supernet: the space as one structure with choices, see `PlainNet/choices.py`; None if it has no such form.
    """

    places: tuple[Decision, ...]
    first: int
    network: Callable[[Choices], Structure]
    choices_of: Callable[[Structure], Choices]
    start: Structure
    name: str = "digits"
    supernet: Structure | None = None

    def initial(self) -> Structure:
        """Return the structure that a search starts from."""
        return self.start

    def sample(self, rng: Random) -> Structure:
        """Return a network whose digits are drawn uniformly."""
        return self.sample_uniform(rng)

    def mutate(self, structure: Structure, rng: Random, changes: int = 1) -> Structure:
        """Return the network with `changes` random digits changed."""
        choices = list(self.choices_of(structure))
        for place in rng.sample(range(len(choices)), min(changes, len(choices))):
            others = [option for option in range(len(self.places[place].options)) if option != choices[place]]
            choices[place] = rng.choice(others)
        return self.network(tuple(choices))

    def contains(self, structure: Structure) -> bool:
        """Return whether `structure` is in the space."""
        try:
            self.choices_of(structure)
        except SearchSpaceError:
            return False
        return True

    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions of the space, in the order of `choices`."""
        return self.places

    def encode(self, structure: Structure) -> Choices:
        """Return the choices that make `structure`. Raises SearchSpaceError if it is not in the space."""
        return self.choices_of(structure)

    def decode(self, choices: Sequence[int]) -> Structure:
        """Return the network of these choices. Raises SearchSpaceError unless each is a valid index."""
        check_choices(self.places, choices)
        return self.network(tuple(choices))

    def read(self, text: str) -> Structure:
        """Return the network of an architecture in digits. Raises SearchSpaceError if the text is not one."""
        last = self.first + len(self.places[0].options) - 1
        written = text.strip()
        if not re.fullmatch(f"[{self.first}-{last}]{{{len(self.places)}}}", written, re.ASCII):
            raise SearchSpaceError(
                f"{text[:80]!r} is not an architecture of {self.name}, expected {len(self.places)} digits from "
                f"{self.first} to {last}"
            )
        return self.network(tuple(int(digit) - self.first for digit in written))

    def write(self, structure: Structure) -> str:
        """Return the digits of a network. Raises SearchSpaceError if it is not in the space."""
        return "".join(str(choice + self.first) for choice in self.choices_of(structure))

    def canonical(self, structure: Structure) -> str:
        """Return the digits of a network, which are equal for equal networks."""
        return self.write(structure)
