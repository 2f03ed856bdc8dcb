"""Formulas for the cost of a family of blocks in terms of its channel numbers, used by `cost.py`. See `template.py`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

from PlainNet.blocktype import Options, block_layers
from PlainNet.lowering import lower_family
from PlainNet.ops import WITHOUT_WEIGHTS, BatchNorm, Conv, Linear, Shape, UnknownOperationError
from PlainNet.sizes import Size, area
from PlainNet.template import Template, Width


@dataclass(frozen=True, slots=True)
class CostForm:
    """The cost of the blocks of a template, as sums over its widths and over pairs of widths.

    widths: the different widths in the template; the other fields have indices into them.
    pairs: (params, flops, i, j) for convolutions from width i to width j: weights and multiply–accumulates per unit
        of the product of the two widths.
    singles: (params, activations, i): the parameters of biases and norms, and output elements, per channel of width i.
    layers: the number of layers that a block counts as.
    out, size: the width (an index) and the size of the output.
    """

    widths: tuple[Width, ...]
    pairs: tuple[tuple[int, int, int, int], ...]
    singles: tuple[tuple[int, int, int], ...]
    layers: int
    out: int
    size: Size

    def of(self, args: tuple[int, ...]) -> tuple[int, int, int, Shape]:
        """Return params, FLOPs, activations and output shape of the block with these arguments."""
        known = (*args, 1)  # the 1 is for constant widths, whose index is -1
        widths = [known[arg] * numerator // denominator for arg, numerator, denominator in self.widths]
        params = flops = activations = 0
        for weights, macs, i, j in self.pairs:
            product = widths[i] * widths[j]
            params += weights * product
            flops += macs * product
        for weights, elements, i in self.singles:
            params += weights * widths[i]
            activations += elements * widths[i]
        return params, flops, activations, Shape(widths[self.out], self.size)


@cache
def cost_form(template: Template, size: Size, options: Options) -> CostForm:
    """Return the cost formula of `template` on inputs of this size in pixels."""
    nodes, shape = lower_family(template.probe, size, options)
    widths: dict[Width, int] = {}

    def index(number: int) -> int:
        return widths.setdefault(template.width(number), len(widths))

    weights: Counter[tuple[int, int]] = Counter()
    macs: Counter[tuple[int, int]] = Counter()
    own: Counter[int] = Counter()
    elements: Counter[int] = Counter()
    for node in nodes:
        match node.op:
            case Conv() as conv:
                i, j = index(conv.in_channels // conv.groups), index(conv.out_channels)
                window, positions = conv.kernel**2, area(node.shape.size)
                weights[i, j] += window
                macs[i, j] += window * positions
                own[j] += int(conv.bias)
                elements[j] += positions
            case BatchNorm() as norm:
                own[index(norm.channels)] += 2
            case Linear():
                raise TypeError(
                    f"{template.probe.kind} has a linear layer, which a block type with linear=True cannot have"
                )
            case other if not isinstance(other, WITHOUT_WEIGHTS):
                raise UnknownOperationError(other, "cost_form")
    return CostForm(
        tuple(widths),
        tuple((weights[pair], macs[pair], *pair) for pair in weights),
        tuple((own[i], elements[i], i) for i in sorted(own.keys() | elements.keys())),
        block_layers(template.probe),
        index(shape.channels),
        shape.size,
    )
