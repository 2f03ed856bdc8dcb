"""RAM block by block and as arrays, against the plan of the whole network."""

from __future__ import annotations

import re
from random import Random

import numpy as np
import pytest

from PlainNet import Options, Structure, StructureError, lower, parse
from PlainNet.arrays.blocks import Blocks
from PlainNet.arrays.ram import RamArrays
from PlainNet.arrays.structures import Structures
from PlainNet.blocktype import BlockType
from PlainNet.cost import CostModel
from PlainNet.deployed.deploy import DeployError, deploy
from PlainNet.deployed.memory import memory_of
from PlainNet.ram import RamModel
from PlainNet.sizes import Sides, Size
from SearchSpace import SPACES, SearchSpace, SpaceArrays, load_space
from tests.conftest import BUILT, network_around, random_block
from zennas.testing.arrays import spaces_with_arrays, walked


def whole(structure: Structure, resolution: int, classes: int | None, options: Options = Options()) -> int:
    graph = lower(structure, resolution=resolution, num_classes=classes, options=options)
    return memory_of(deploy(graph)).ram_bytes


@pytest.mark.parametrize("kind", BUILT, ids=lambda kind: kind.kind)
def test_every_block_needs_what_its_graph_keeps(kind: BlockType) -> None:
    rng = Random(kind.kind)
    models = {size: RamModel(CostModel(size, 7)) for size in (16, Sides(9, 20))}
    for _ in range(3):
        structure = network_around(random_block(kind, rng, 32, 32), 32)
        for size, model in models.items():
            try:
                wanted = whole(structure, size, 7)
            except DeployError as error:
                with pytest.raises(DeployError, match=re.escape(str(error).partition(" at ")[0])):
                    model(structure)
                continue
            assert model(structure) == wanted


@pytest.mark.parametrize("use_se", [False, True])
@pytest.mark.parametrize("name", SPACES.names())
def test_networks_of_every_space(name: str, use_se: bool) -> None:
    options = Options(use_se=use_se)
    model = RamModel(CostModel(32, None, options))
    for structure in walked(load_space(name), 1 if name == "darts" else 4):
        assert model(structure) == model(structure) == whole(structure, 32, None, options)


@pytest.mark.parametrize("use_se", [False, True])
@pytest.mark.parametrize(("space", "form"), list(spaces_with_arrays()), ids=lambda one: getattr(one, "name", ""))
def test_arrays_give_the_same(space: SearchSpace, form: SpaceArrays, use_se: bool) -> None:
    options = Options(use_se=use_se)
    size: Size = Sides(48, 20) if use_se else 32
    structures, blocks = walked(space, 100), Blocks(form.layout, size)
    placed = blocks.place(Structures.of(structures, form.layout))
    for classes in (None, 1000):
        model = RamModel(CostModel(size, classes, options))
        found = RamArrays(blocks, classes, options)(placed)
        wanted = [model(one) if works else np.nan for one, works in zip(structures, placed.works, strict=True)]
        assert np.array_equal(found[placed.works], np.array(wanted)[placed.works])


def test_blocks_of_one_operation_are_seen_together() -> None:
    model = RamModel(CostModel(8, None))
    assert model(parse("RELU(3)")) == 2 * 3 * 8 * 8
    assert model(parse("ConvKX(3,4,3,1)BN(4)Identity(4)RELU(4)")) == (3 + 4) * 8 * 8
    assert model(parse("ConvKX(3,4,3,1)MaxPool(4,3,1)BN(4)RELU(4)")) == (4 + 4) * 8 * 8


def test_what_is_no_network_is_refused() -> None:
    model = RamModel(CostModel(8, 10))
    for text in ("ConvKX(3,4,3,1)ConvKX(5,4,3,1)", "SuperConvK3BNRELU(3,8,1,1)SuperConvK3BNRELU(16,8,1,1)"):
        with pytest.raises(StructureError, match="the block before it outputs"):
            model(parse(text))
    with pytest.raises(StructureError, match="no blocks"):
        model(Structure(()))


def test_the_classifier_counts_with_the_scratch_memory_of_its_mean() -> None:
    assert RamModel(CostModel(4, 10))(parse("ConvKX(3,64,3,4)")) == 64 + 64
    assert RamModel(CostModel(4, 10))(parse("ConvKX(3,64,3,2)")) == 4 * 64 + 64 + 4 * 64 + 16 + 16
