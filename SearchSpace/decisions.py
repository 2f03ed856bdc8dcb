"""Search spaces that are a fixed list of choices: encoding, neighbours and uniform sampling.

NAS-Bench-201, NAS-Bench-101, DARTS and the macro benchmarks are such spaces. Spaces without a fixed list are open:
`neighbours` samples mutations there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol, runtime_checkable

from PlainNet import Structure
from SearchSpace.base import SearchSpace, SearchSpaceError


@dataclass(frozen=True)
class Decision:
    """One choice to make, with the labels of its options. An option is named by its index, counted from 0."""

    name: str
    options: tuple[str, ...]


@runtime_checkable
class DecisionSpace(SearchSpace, Protocol):
    """A search space in which a structure is a fixed number of choices, one for each decision.

    `choices` are the indices of the chosen options, one integer for each of `decisions()`, in that order.
    `encode(decode(encode(s))) == encode(s)` for every structure of the space. Several choices may decode to one
    structure; `encode` always returns the same one of them.

    A class that inherits from this protocol gets `neighbours` and `sample_uniform`.
    """

    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions of the space, in the order of `choices`."""

    def encode(self, structure: Structure) -> tuple[int, ...]:
        """Return the choices that make `structure`. Raises SearchSpaceError if it is not in the space."""

    def decode(self, choices: Sequence[int]) -> Structure:
        """Return the structure that `choices` make.

        Raises SearchSpaceError if there is not one valid option for each decision, or if the choices do not make a
        network of the space.
        """

    def neighbours(self, structure: Structure) -> Iterator[Structure]:
        """Yield each structure whose encoding differs from that of `structure` in exactly one decision.

        The order is fixed: by decision, then by option. If a is a neighbour of b, then b is a neighbour of a.
        Raises SearchSpaceError if `structure` is not in the space.
        """
        choices = self.encode(structure)
        for place, decision in enumerate(self.decisions()):
            for option in range(len(decision.options)):
                changed = (*choices[:place], option, *choices[place + 1 :])
                if option == choices[place]:
                    continue
                try:
                    found = self.decode(changed)
                except SearchSpaceError:
                    continue
                if self.encode(found) == changed:
                    yield found

    def sample_uniform(self, rng: Random) -> Structure:
        """Return the structure of choices drawn uniformly from all choices that make a network.

        Uniform means over choices, not over classes of equivalent networks: a structure that several choices make is
        drawn that many times as often. Choices that make no network are drawn again.
        """
        decisions = self.decisions()
        while True:
            choices = tuple(rng.randrange(len(decision.options)) for decision in decisions)
            try:
                return self.decode(choices)
            except SearchSpaceError:
                continue


def check_choices(decisions: Sequence[Decision], choices: Sequence[int]) -> None:
    """Raise SearchSpaceError unless `choices` has one valid option index for each decision."""
    if len(choices) != len(decisions):
        raise SearchSpaceError(f"got {len(choices)} choices, expected {len(decisions)}, one for each decision")
    for decision, choice in zip(decisions, choices, strict=True):
        if type(choice) is not int or not 0 <= choice < len(decision.options):
            last = len(decision.options) - 1
            raise SearchSpaceError(f"choice for {decision.name} is {str(choice)[:80]!r}, expected 0 to {last}")


def neighbours(space: SearchSpace, structure: Structure, rng: Random, n: int, tries: int = 100) -> list[Structure]:
    """Return up to `n` distinct structures that are one change away from `structure`, in random order.

    In a `DecisionSpace` they are drawn from `space.neighbours(structure)` without replacement. In an open space they
    are mutations; the search for more ends after `tries` mutations in a row that bring nothing new.
    """
    if isinstance(space, DecisionSpace):
        found = list(space.neighbours(structure))
        return rng.sample(found, min(n, len(found)))
    seen = {structure: None}  # a dictionary, as it keeps the order
    misses = 0
    while len(seen) <= n and misses < tries:
        mutation = space.mutate(structure, rng)
        misses = misses + 1 if mutation in seen else 0
        seen[mutation] = None
    return list(seen)[1:]
