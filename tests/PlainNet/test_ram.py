"""RAM block by block and as arrays, against what the whole op graph keeps."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from PlainNet import Options, Structure, lower, parse
from PlainNet.arrays.blocks import Blocks
from PlainNet.arrays.ram import RamArrays
from PlainNet.arrays.structures import Structures
from PlainNet.blocktype import BlockType
from PlainNet.cost import CostModel
from PlainNet.liveness import peak_elements
from PlainNet.ram import RamModel
from PlainNet.sizes import Sides, Size
from SearchSpace import SPACES, SearchSpace, SpaceArrays, load_space
from tests.conftest import BUILT, network_around, random_block
from zennas.testing.arrays import spaces_with_arrays, walked


def whole(structure: Structure, resolution: Size, classes: int | None, options: Options = Options()) -> int:
    graph = lower(structure, resolution=resolution, num_classes=classes, options=options)
    return max(peak_elements(graph).values())


@pytest.mark.parametrize("kind", BUILT, ids=lambda kind: kind.kind)
def test_every_block_needs_what_its_graph_keeps(kind: BlockType) -> None:
    rng = Random(kind.kind)
    models = {size: RamModel(CostModel(size, 7)) for size in (16, Sides(9, 20))}
    for _ in range(3):
        structure = network_around(random_block(kind, rng, 32, 32), 32)
        for size, model in models.items():
            assert model(structure) == whole(structure, size, 7)


@pytest.mark.parametrize("use_se", [False, True])
@pytest.mark.parametrize("name", SPACES.names())
def test_networks_of_every_space(name: str, use_se: bool) -> None:
    options = Options(use_se=use_se)
    model = RamModel(CostModel(32, None, options))
    for structure in walked(load_space(name), 4):
        assert model(structure) == model(structure) == whole(structure, 32, None, options)


@pytest.mark.parametrize("use_se", [False, True])
@pytest.mark.parametrize(("space", "form"), list(spaces_with_arrays()), ids=lambda one: getattr(one, "name", ""))
def test_arrays_give_the_same(space: SearchSpace, form: SpaceArrays, use_se: bool) -> None:
    options = Options(use_se=use_se)
    size: Size = Sides(48, 20) if use_se else 32
    structures, blocks = walked(space, 200), Blocks(form.layout, size)
    placed = blocks.place(Structures.of(structures, form.layout))
    for classes in (None, 1000):
        model = RamModel(CostModel(size, classes, options))
        found = RamArrays(blocks, classes, options)(placed)
        wanted = [model(one) if works else np.nan for one, works in zip(structures, placed.works, strict=True)]
        assert np.array_equal(found[placed.works], np.array(wanted)[placed.works])


def test_an_image_is_not_written_over() -> None:
    assert RamModel(CostModel(8, None))(parse("RELU(3)")) == 2 * 3 * 8 * 8
    assert RamModel(CostModel(8, None))(parse("ConvKX(3,4,3,1)RELU(4)")) == (3 + 4) * 8 * 8
