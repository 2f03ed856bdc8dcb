"""Every registered search space: its structures are networks, reachable, and a function of the generator."""

from __future__ import annotations

from random import Random

import pytest

from PlainNet import parse
from PlainNet.cost import CostModel
from SearchSpace import SPACES, CellSpace, SearchSpace, SearchSpaceError, load_space

MODEL = CostModel(32, 10)


@pytest.fixture(params=SPACES.names())
def space(request: pytest.FixtureRequest) -> SearchSpace:
    return load_space(request.param)


def test_samples_are_networks_of_the_space(space: SearchSpace) -> None:
    rng = Random(0)
    assert space.contains(space.initial())
    for _ in range(30):
        structure = space.sample(rng)
        assert space.contains(structure)
        assert MODEL(structure).params > 0
        assert parse(str(structure)) == structure


def test_mutations_stay_and_move(space: SearchSpace) -> None:
    rng = Random(1)
    structure, seen = space.initial(), set()
    for _ in range(200):
        structure = space.mutate(structure, rng, changes=rng.choice([1, 2]))
        assert space.contains(structure)
        seen.add(structure)
    assert len(seen) > 100


def test_the_generator_decides(space: SearchSpace) -> None:
    a, b = Random(2), Random(2)
    assert [space.sample(a) for _ in range(5)] == [space.sample(b) for _ in range(5)]


def test_notations_are_read_and_written(space: SearchSpace) -> None:
    if not isinstance(space, CellSpace):
        pytest.skip("the space has no notation of its own")
    rng = Random(3)
    for _ in range(30):
        structure = space.sample(rng)
        again = space.read(space.write(structure))
        assert again == structure
        assert space.canonical(again) == space.canonical(structure)
    for refused in (
        lambda: space.read("SuperConvK3BNRELU(3,8,1,1)"),
        lambda: space.read(""),
        lambda: space.write(parse("ConvKX(3,8,3,1)")),
        lambda: space.canonical(parse("ConvKX(3,8,3,1)")),
    ):
        with pytest.raises(SearchSpaceError) as caught:
            refused()
        assert "\n" not in str(caught.value)


def test_foreign_structures_are_not_contained(space: SearchSpace) -> None:
    assert not space.contains(parse("ConvKX(3,8,3,1)BN(8)RELU(8)"))
    assert not space.contains(parse("SuperConvK3BNRELU(3,12,1,1)SuperConvK1BNRELU(12,16,1,1)"))
