"""Structures with choices: which decisions there are, and the networks that they make. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PlainNet.ir import CHOICE, BlockSpec, Structure, StructureError

IDENTITY = "Identity"


@dataclass(frozen=True)
class Choice:
    """One decision of a structure, which may be made at several places.

    name: that of its blocks; a choice without a name has "choice1", "choice2" … by its place.
    places: the indices of its top-level blocks. alternatives: for each place, the sequences of blocks to choose from.
    """

    name: str
    places: tuple[int, ...]
    alternatives: tuple[tuple[tuple[BlockSpec, ...], ...], ...]

    @property
    def options(self) -> tuple[str, ...]:
        """The text of each alternative at the first place."""
        return tuple("".join(map(str, blocks)) for blocks in self.alternatives[0])


def choices_of(structure: Structure) -> tuple[Choice, ...]:
    """Return the decisions of a structure, in the order of their first places.

    Raises StructureError if choices of one name have different numbers of alternatives.
    """
    found: dict[str, Choice] = {}
    number = 0
    for place, spec in enumerate(structure.blocks):
        if spec.kind != CHOICE:
            continue
        number += 1
        name = spec.name or f"choice{number}"
        before = found.get(name)
        if before is None:
            found[name] = Choice(name, (place,), (spec.branches,))
            continue
        if len(spec.branches) != len(before.alternatives[0]):
            raise StructureError(
                f"choices named {name} are one decision, but one has {len(before.alternatives[0])} alternatives and "
                f"another {len(spec.branches)}",
                str(place),
            )
        found[name] = Choice(name, (*before.places, place), (*before.alternatives, spec.branches))
    return tuple(found.values())


def chosen(structure: Structure, picks: Sequence[int]) -> Structure:
    """Return the network of a decision for each of `choices_of(structure)`, as indices of alternatives.

    Identities are left out. Raises StructureError unless there is one valid index for each decision.
    """
    choices = choices_of(structure)
    if len(picks) != len(choices):
        raise StructureError(f"got {len(picks)} decisions, expected {len(choices)}, one for each choice")
    taken: dict[int, tuple[BlockSpec, ...]] = {}
    for choice, pick in zip(choices, picks, strict=True):
        for place, alternatives in zip(choice.places, choice.alternatives, strict=True):
            if not 0 <= pick < len(alternatives):
                raise StructureError(f"{choice.name} is decided as {pick}, expected 0 to {len(alternatives) - 1}")
            taken[place] = alternatives[pick]
    spliced = [spec for place, own in enumerate(structure.blocks) for spec in taken.get(place, (own,))]
    return Structure.of(spec for spec in spliced if spec.kind != IDENTITY)
