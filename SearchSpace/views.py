"""How a policy sees a search space: independent decisions, from whose options a structure is built.

A space that is a list of decisions is seen as that list. A space whose structures are better made in another way offers
a view of its own, as DARTS does (`darts_edges.py`). Open spaces are seen as walks (`walks.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, Protocol, runtime_checkable

from PlainNet import Structure
from SearchSpace.base import SearchSpace
from SearchSpace.decisions import Decision, DecisionSpace


class Built(NamedTuple):
    """A structure, and the positions of the decisions that made it: a policy learns nothing about the others."""

    structure: Structure
    counted: tuple[int, ...]


class PolicyView(Protocol):
    """Decisions, and how their options make a structure."""

    def decisions(self) -> tuple[Decision, ...]:
        """Return the decisions, in the order of `choices`."""

    def build(self, choices: Sequence[int], logits: Sequence[float], rng: Random | None) -> Built:
        """Return the structure of one option for each decision.

        logits: those of the chosen options, which may decide what is left out. rng: decides what is random beyond the
        choices; None for the most probable. Raises SearchSpaceError if the choices make no network.
        """


@runtime_checkable
class ViewedSpace(SearchSpace, Protocol):
    """A search space with a view of its own."""

    def policy_view(self) -> PolicyView:
        """Return how a policy makes the structures of the space."""


class DecisionsView:
    """The decisions of a space as they are."""

    def __init__(self, space: DecisionSpace) -> None:
        self._space, self._decisions = space, space.decisions()
        self._all = tuple(range(len(self._decisions)))

    def decisions(self) -> tuple[Decision, ...]:
        return self._decisions

    def build(self, choices: Sequence[int], logits: Sequence[float], rng: Random | None) -> Built:
        return Built(self._space.decode(choices), self._all)


def view_of(space: SearchSpace) -> PolicyView | None:
    """Return the view of a space; None for an open space, which needs a structure to walk from."""
    if isinstance(space, ViewedSpace):
        return space.policy_view()
    return DecisionsView(space) if isinstance(space, DecisionSpace) else None
