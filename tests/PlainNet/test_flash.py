"""The bytes of files block by block and as arrays, against those of the whole network."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from PlainNet import Options, Structure, lower, parse
from PlainNet.arrays.blocks import Blocks
from PlainNet.arrays.flash import FlashArrays
from PlainNet.arrays.structures import Structures
from PlainNet.blocktype import BlockType
from PlainNet.cost import CostModel
from PlainNet.deployed.deploy import DeployError, deploy
from PlainNet.deployed.flash import flash_bytes
from PlainNet.flash import FlashModel
from PlainNet.sizes import Sides, Size
from SearchSpace import SPACES, SearchSpace, SpaceArrays, load_space
from tests.conftest import BUILT, network_around, random_block
from zennas.testing.arrays import spaces_with_arrays, walked


def whole(structure: Structure, resolution: Size, classes: int | None, options: Options = Options()) -> int:
    return flash_bytes(deploy(lower(structure, resolution=resolution, num_classes=classes, options=options)))


@pytest.mark.parametrize("kind", BUILT, ids=lambda kind: kind.kind)
def test_every_block_takes_what_its_operators_take(kind: BlockType) -> None:
    rng, model = Random(kind.kind), FlashModel(CostModel(Sides(9, 20), 7))
    for _ in range(3):
        structure = network_around(random_block(kind, rng, 32, 32), 32)
        try:
            wanted = whole(structure, Sides(9, 20), 7)
        except DeployError:
            continue
        assert model(structure) == wanted


@pytest.mark.parametrize("use_se", [False, True])
@pytest.mark.parametrize("name", SPACES.names())
def test_networks_of_every_space(name: str, use_se: bool) -> None:
    options = Options(use_se=use_se)
    model = FlashModel(CostModel(32, 10, options))
    for structure in walked(load_space(name), 1 if name == "darts" else 4):
        assert model(structure) == model(structure) == whole(structure, 32, 10, options)


@pytest.mark.parametrize("use_se", [False, True])
@pytest.mark.parametrize(("space", "form"), list(spaces_with_arrays()), ids=lambda one: getattr(one, "name", ""))
def test_arrays_give_the_same(space: SearchSpace, form: SpaceArrays, use_se: bool) -> None:
    options = Options(use_se=use_se)
    size: Size = Sides(48, 20) if use_se else 32
    structures, blocks = walked(space, 100), Blocks(form.layout, size)
    placed = blocks.place(Structures.of(structures, form.layout))
    for classes in (None, 1000):
        model = FlashModel(CostModel(size, classes, options))
        found = FlashArrays(blocks, classes, options)(placed)
        wanted = [model(one) if works else np.nan for one, works in zip(structures, placed.works, strict=True)]
        assert np.array_equal(found[placed.works], np.array(wanted)[placed.works])


def test_a_kernel_that_grows_takes_more() -> None:
    even, odd = (FlashModel(CostModel(size, None)) for size in (32, 33))
    structure = parse("ConvKX(3,8,3,2)")
    assert even(structure) - odd(structure) == 8 * 3 * (16 - 9)
