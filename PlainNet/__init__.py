"""The structure language: text → `Structure` → op graph → cost, module, score features.

    s = PlainNet.parse("SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)")
    PlainNet.cost(s, resolution=32, num_classes=10).params
    PlainNet.build(s, num_classes=10)      # an nn.Module; the only call here that imports torch

Start reading at `ir.py`, then `grammar.py`, `lowering.py`, `blocks/`, `cost.py`, `masternet.py`.
"""

from typing import TYPE_CHECKING, Any

from PlainNet.blocktype import Options
from PlainNet.cost import Cost, cost
from PlainNet.grammar import ParseError, parse
from PlainNet.ir import BlockSpec, Structure, StructureError
from PlainNet.lowering import lower

if TYPE_CHECKING:
    from PlainNet.masternet import MasterNet, build

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


def __getattr__(name: str) -> Any:
    # torch takes seconds to import; a search with a closed-form score never needs it.
    if name in ("build", "MasterNet"):
        from PlainNet import masternet

        return getattr(masternet, name)
    raise AttributeError(f"module 'PlainNet' has no attribute {name!r}")
