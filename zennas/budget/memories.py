"""The memories of a chip, in bytes: what a network needs of them follows from its structure.

They are no part of a `Cost`, because they do not add up over blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from PlainNet import Structure
from PlainNet.cost import CostModel
from PlainNet.flash import FlashModel
from PlainNet.ram import RamModel

if TYPE_CHECKING:
    from PlainNet.arrays.blocks import Blocks, Placed
    from PlainNet.arrays.structures import Floats

BytesOf: TypeAlias = Callable[[Structure], int]


@dataclass(frozen=True)
class Memory:
    """name: in budgets and results. title: in sentences and drawings. model: from that of the costs to the bytes of
    structures.
    """

    name: str
    title: str
    model: Callable[[CostModel], BytesOf]


MEMORIES = {memory.name: memory for memory in (Memory("ram", "RAM", RamModel), Memory("flash", "flash", FlashModel))}
"""By name: the arena of activations, and the file, both in INT8."""


def models_of(model: CostModel) -> dict[str, BytesOf]:
    """Return the bytes of structures by the name of the memory."""
    return {name: memory.model(model) for name, memory in MEMORIES.items()}


def arrays_of(blocks: Blocks, model: CostModel) -> dict[str, Callable[[Placed], Floats]]:
    """Return the bytes of many structures at once by the name of the memory."""
    from PlainNet.arrays.flash import FlashArrays
    from PlainNet.arrays.ram import RamArrays

    given = (blocks, model.num_classes, model.options)
    return {"ram": RamArrays(*given), "flash": FlashArrays(*given)}
