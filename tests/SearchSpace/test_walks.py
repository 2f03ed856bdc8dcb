"""Walks: open spaces as lists of decisions."""

from __future__ import annotations

from random import Random

import pytest

from PlainNet import Structure
from PlainNet.cost import CostModel
from SearchSpace import SearchSpaceError, Walks, load_space

MODEL = CostModel(32, 10)


def anything(structure: Structure) -> bool:
    return True


def choices_of(walks: Walks, rng: Random) -> list[int]:
    return [rng.randrange(len(decision.options)) for decision in walks.decisions()]


def test_a_walk_follows_from_its_choices_and_its_key() -> None:
    space, rng = load_space("XXBL"), Random(0)
    walks, again, other = (Walks(space, space.initial(), anything, key) for key in (1, 1, 2))
    ends = set()
    differ = 0
    for _ in range(20):
        choices = choices_of(walks, rng)
        found = walks.build(choices, (), rng)
        assert found.counted == tuple(range(12))
        assert again.end(choices) == found.structure
        assert space.contains(found.structure)
        differ += other.end(choices) != found.structure
        ends.add(found.structure)
    assert len(ends) > 15
    assert differ > 15


def test_to_stay_at_every_step_is_the_beginning() -> None:
    space = load_space("units")
    walks = Walks(space, space.initial(), anything, steps=5, mutations=3)
    assert [len(decision.options) for decision in walks.decisions()] == [4] * 5
    assert walks.end([0] * 5) == space.initial()


def test_a_step_out_of_the_budget_is_not_made() -> None:
    space, rng = load_space("XXBL"), Random(0)
    limit = 4 * MODEL(space.initial()).params

    def fits(structure: Structure) -> bool:
        return MODEL(structure).params <= limit

    free, bound = (Walks(space, space.initial(), rule, 3) for rule in (anything, fits))
    drawn = [choices_of(free, rng) for _ in range(30)]
    assert not all(fits(free.end(choices)) for choices in drawn)
    assert all(fits(bound.end(choices)) for choices in drawn)
    assert len({bound.end(choices) for choices in drawn}) > 20


def test_wrong_choices_are_refused() -> None:
    space = load_space("XXBL")
    walks = Walks(space, space.initial(), anything, steps=2, mutations=3)
    with pytest.raises(SearchSpaceError, match="expected 2"):
        walks.build([0], (), None)
    with pytest.raises(SearchSpaceError, match="0 to 3"):
        walks.build([0, 4], (), None)
