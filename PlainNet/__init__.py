"""The structure language: text → `Structure` → op graph → cost, module, features for scores.

    s = PlainNet.parse("SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)")  # the functions below also accept the text
    PlainNet.cost(s, resolution=32, num_classes=10).params
    PlainNet.build(s, num_classes=10)      # an nn.Module; only this function imports torch

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
from PlainNet.sizes import SizeLike

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
    resolution: SizeLike = 32,
    num_classes: int | None = 10,
    use_se: bool = False,
    no_reslink: bool = False,
) -> Cost:
    """Return the cost of a network for one image: params, FLOPs, activations and layers.

    structure: a `Structure` or its text.
    resolution: height and width of the image in pixels: one number for a square, a pair, or a text such as "96x160".
    num_classes: the outputs of the classifier, or None to leave the classifier out.
    use_se: whether super-blocks have squeeze-and-excitation.
    no_reslink: whether to leave residual links and their projections out.

    FLOPs are the multiply–accumulates of convolution and linear layers. Raises StructureError if the structure is not
    a network at this resolution, and ParseError, a StructureError, if the text is not a structure.
    """
    return _counted(
        _structure(structure), resolution=resolution, num_classes=num_classes, use_se=use_se, no_reslink=no_reslink
    )


def build(
    structure: Structure | str, *, num_classes: int = 10, use_se: bool = False, no_reslink: bool = False
) -> MasterNet:
    """Return the network of a structure as a module, with random weights (torch's default initialisation).

    structure: a `Structure` or its text.
    num_classes: the outputs of the classifier.
    use_se: whether super-blocks have squeeze-and-excitation.
    no_reslink: whether to leave residual links and their projections out.

    The module maps images (N, C, H, W) to logits (N, num_classes). Raises StructureError if the structure is not a
    network, and ParseError, a StructureError, if the text is not a structure.
    """
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
