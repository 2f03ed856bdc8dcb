"""The bytes of a network's file in INT8, computed block by block without torch; `deployed/flash.py` says what they are.

It is no sum over blocks alone: zero points are stored once for each number of channels that occurs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from math import prod

from PlainNet.blocktype import Options
from PlainNet.cost import CostModel
from PlainNet.deployed.deploy import deploy
from PlainNet.deployed.flash import CHANNEL, FILE, OPERATOR, WEIGHTED, ZERO_POINT, Held, held
from PlainNet.deployed.operators import Conv2D, DepthwiseConv2D, FullyConnected
from PlainNet.deployed.parts import Parts
from PlainNet.ir import BlockSpec, Structure
from PlainNet.lowering import part_graph
from PlainNet.ops import OpGraph, Shape
from PlainNet.sizes import Size
from PlainNet.template import Template, Width, template_of


class FlashModel:
    """Computes the bytes of the files of structures. It caches blocks. model: that of the other costs."""

    def __init__(self, model: CostModel) -> None:
        self._num_classes = model.num_classes
        self._parts = Parts(model, _held, _template_held)

    def __call__(self, structure: Structure) -> int:
        """Return the bytes of the network's file.

        Raises StructureError if it is not a network at the resolution of the model, or has no form in an INT8 file.
        """
        parts, channels, size = self._parts(structure)
        total = FILE
        widths: set[int] = set()
        for part in parts:
            total += part[0]
            widths |= part[1]
        if self._num_classes is not None:
            total += head_held(channels, size, self._num_classes)
        return total + ZERO_POINT * sum(widths)


def _held(graph: OpGraph) -> Held:
    return held(deploy(graph))


def block_held(spec: BlockSpec, size: Size, options: Options = Options()) -> Held:
    """Return what one block takes in a file, by itself. Raises StructureError like `FlashModel`."""
    template = template_of(spec)
    if template is not None:
        return flash_form(template, size, options).of(spec.args)
    return _held(part_graph([spec], size, options))


@dataclass(frozen=True, slots=True)
class FlashForm:
    """What the blocks of a template take in a file, as sums over their widths and over pairs of widths.

    widths: the different widths; the other fields have indices into them.
    fixed: bytes that do not depend on widths. singles: (bytes, i) for each channel of a width. pairs: (bytes, i, j) for
        each product of two widths. outputs: the widths of the outputs of convolutions.
    """

    widths: tuple[Width, ...]
    fixed: int
    singles: tuple[tuple[int, int], ...]
    pairs: tuple[tuple[int, int, int], ...]
    outputs: tuple[int, ...]

    def of(self, args: tuple[int, ...]) -> Held:
        """Return what the block with these arguments takes."""
        known = (*args, 1)  # the 1 is for constant widths, whose index is -1
        widths = [known[arg] * numerator // denominator for arg, numerator, denominator in self.widths]
        total = self.fixed
        for each, i in self.singles:
            total += each * widths[i]
        for each, i, j in self.pairs:
            total += each * widths[i] * widths[j]
        return Held(total, frozenset([widths[i] for i in self.outputs]))


def _template_held(template: Template, size: Size, options: Options) -> Callable[[tuple[int, ...]], Held]:
    return flash_form(template, size, options).of


@cache
def flash_form(template: Template, size: Size, options: Options) -> FlashForm:
    """Return the formula of a template's blocks on inputs of this size in pixels. Raises StructureError if they do not
    work there."""
    widths: dict[Width, int] = {}

    def index(number: int) -> int:
        return widths.setdefault(template.width(number), len(widths))

    fixed = 0
    singles: Counter[int] = Counter()
    pairs: Counter[tuple[int, int]] = Counter()
    outputs: dict[int, None] = {}
    for operator in deploy(part_graph([template.probe], size, options)).operators:
        fixed += OPERATOR
        kind = operator.kind
        if isinstance(kind, FullyConnected):
            raise TypeError(f"{template.probe.kind} has a linear layer, which a block with linear=True cannot have")
        if not isinstance(kind, (Conv2D, DepthwiseConv2D)):
            continue
        fixed += WEIGHTED
        out = index(kind.out_channels)
        outputs[out] = None
        singles[out] += CHANNEL + 4
        if isinstance(kind, Conv2D):
            pairs[index(kind.weight_shape[-1]), out] += prod(kind.kernel)
        else:
            singles[out] += prod(kind.kernel)
    return FlashForm(
        tuple(widths),
        fixed,
        tuple((each, i) for i, each in singles.items()),
        tuple((each, i, j) for (i, j), each in pairs.items()),
        tuple(outputs),
    )


@lru_cache(maxsize=1 << 14)
def head_held(channels: int, size: Size, num_classes: int) -> int:
    """Return what the classifier takes: a mean or a reshape, unless the last output is flat, and a linear layer."""
    weights = (channels + 4) * num_classes
    return weights + WEIGHTED + OPERATOR * (2 if len(Shape(channels, size).dims) > 1 else 1)
