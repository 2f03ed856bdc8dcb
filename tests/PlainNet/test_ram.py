"""RAM and flash of networks block by block and as arrays, against the whole network as it stands in a file.

The contracts in tests/contracts/test_blocks.py do the same for every kind of block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from PlainNet import Options, Structure, StructureError, lower, parse
from PlainNet.arrays.blocks import Blocks
from PlainNet.arrays.flash import FlashArrays
from PlainNet.arrays.ram import RamArrays
from PlainNet.arrays.structures import Structures
from PlainNet.cost import CostModel
from PlainNet.deployed.deploy import deploy
from PlainNet.deployed.flash import flash_bytes
from PlainNet.deployed.memory import memory_of
from PlainNet.deployed.operators import Deployed
from PlainNet.flash import FlashModel
from PlainNet.ram import RamModel
from PlainNet.sizes import Sides, Size
from SearchSpace import SPACES, SearchSpace, SpaceArrays, load_space
from zennas.testing.arrays import spaces_with_arrays, walked


class Kind(NamedTuple):
    """How bytes are computed: block by block, in arrays, of a whole network."""

    model: Callable[[CostModel], Callable[[Structure], int]]
    arrays: Any
    whole: Callable[[Deployed], int]


RAM = Kind(RamModel, RamArrays, lambda deployed: memory_of(deployed).ram_bytes)
FLASH = Kind(FlashModel, FlashArrays, flash_bytes)


@pytest.mark.parametrize("kind", [RAM, FLASH], ids=["ram", "flash"])
@pytest.mark.parametrize("use_se", [False, True])
@pytest.mark.parametrize("name", SPACES.names())
def test_networks_of_every_space(name: str, use_se: bool, kind: Kind) -> None:
    options = Options(use_se=use_se)
    model = kind.model(CostModel(32, None, options))
    for structure in walked(load_space(name), 1 if name == "darts" else 4):
        deployed = deploy(lower(structure, resolution=32, num_classes=None, options=options))
        assert model(structure) == model(structure) == kind.whole(deployed)


@pytest.mark.parametrize("kind", [RAM, FLASH], ids=["ram", "flash"])
@pytest.mark.parametrize("use_se", [False, True])
@pytest.mark.parametrize(("space", "form"), list(spaces_with_arrays()), ids=lambda one: getattr(one, "name", ""))
def test_arrays_give_the_same(space: SearchSpace, form: SpaceArrays, use_se: bool, kind: Kind) -> None:
    options = Options(use_se=use_se)
    size: Size = Sides(48, 20) if use_se else 32
    structures, blocks = walked(space, 100), Blocks(form.layout, size)
    placed = blocks.place(Structures.of(structures, form.layout))
    for classes in (None, 1000):
        model = kind.model(CostModel(size, classes, options))
        found = kind.arrays(blocks, classes, options)(placed)
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


def test_a_kernel_that_grows_takes_more_flash() -> None:
    even, odd = (FlashModel(CostModel(size, None)) for size in (32, 33))
    structure = parse("ConvKX(3,8,3,2)")
    assert even(structure) - odd(structure) == 8 * 3 * (16 - 9)
