"""The structure language: text → `Structure` → op graph → cost, module, score features.

    s = PlainNet.parse("SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)")  # below, the text does as well
    PlainNet.cost(s, resolution=32, num_classes=10).params
    PlainNet.build(s, num_classes=10)      # an nn.Module; the only call here that imports torch

Start reading at `ir.py`, then `grammar.py`, `lowering.py`, `blocks/`, `cost.py`, `masternet.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PlainNet.blocktype import Options
from PlainNet.cost import Cost
from PlainNet.cost import cost as _counted
from PlainNet.grammar import ParseError, parse
from PlainNet.ir import BlockSpec, Structure, StructureError
from PlainNet.lowering import lower

if TYPE_CHECKING:
    from PlainNet.masternet import MasterNet

__all__ = [
    "BlockSpec",
    "Cost",
    "MasterNet",
    "Options",
    "ParseError",
    "Structure",
    "StructureError",
    "build",
    "cost",
    "lower",
    "parse",
]


def cost(
    structure: Structure | str,
    *,
    resolution: int = 32,
    num_classes: int | None = 10,
    use_se: bool = False,
    no_reslink: bool = False,
) -> Cost:
    """`PlainNet.cost.cost`, of a structure or its text. Raises StructureError, ParseError among them."""
    return _counted(
        _structure(structure), resolution=resolution, num_classes=num_classes, use_se=use_se, no_reslink=no_reslink
    )


def build(
    structure: Structure | str, *, num_classes: int = 10, use_se: bool = False, no_reslink: bool = False
) -> MasterNet:
    """`PlainNet.masternet.build`, of a structure or its text. Raises StructureError, ParseError among them."""
    from PlainNet.masternet import build as built  # torch takes seconds to import

    return built(_structure(structure), num_classes=num_classes, use_se=use_se, no_reslink=no_reslink)


def _structure(given: Structure | str) -> Structure:
    return given if isinstance(given, Structure) else parse(given)


def __getattr__(name: str) -> Any:
    # torch takes seconds to import; a search with a closed-form score never needs it.
    if name == "MasterNet":
        from PlainNet.masternet import MasterNet

        return MasterNet
    raise AttributeError(f"module 'PlainNet' has no attribute {name!r}")
