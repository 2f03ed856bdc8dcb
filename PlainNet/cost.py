"""The cost of a network, computed from its structure without torch and without building a module.

The conventions are those of Zen-NAS's tables, timm and fvcore, for one image:
  params        `sum(p.numel())` of the deployed network
  FLOPs         multiply–accumulates of convolution and linear layers (half of what `torch.utils.flop_counter` prints)
  activations   output elements of these layers (Radosavovic et al., Designing Network Design Spaces, CVPR 2020)
  layers        Zen-NAS's depth: the sum of `sub_layers` over the blocks
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from PlainNet.blocktype import Options, block_layers, block_type, in_channels
from PlainNet.costform import cost_form
from PlainNet.ir import BlockSpec, Structure, StructureError, does_not_join
from PlainNet.lowering import lower_block
from PlainNet.ops import (
    FLAT,
    WITHOUT_WEIGHTS,
    BatchNorm,
    Conv,
    Linear,
    Op,
    RowColumnConv,
    Shape,
    UnknownOperationError,
)
from PlainNet.read_ops import (
    WITH_WEIGHTS,
    ChannelConv,
    FreeConv,
    GroupNorm,
    LayerNorm,
    Offset,
    PRelu,
    ResponseNorm,
    Scale,
)
from PlainNet.sizes import Size, SizeLike, area, checked_size, sides
from PlainNet.template import template_of


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a network, or of a part of it, for one image. `a + b` is the cost of both parts.

    params: number of parameters. flops: multiply–accumulates of convolution and linear layers. activations: output
    elements of these layers. layers: Zen-NAS's depth, the sum of `sub_layers` over the blocks.
    """

    params: int
    flops: int
    activations: int
    layers: int

    @property
    def depth(self) -> int:
        """Zen-NAS's name for `layers`."""
        return self.layers

    def to_json(self) -> dict[str, int]:
        """Return the numbers by their names."""
        return {"params": self.params, "flops": self.flops, "activations": self.activations, "layers": self.layers}

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.params + other.params,
            self.flops + other.flops,
            self.activations + other.activations,
            self.layers + other.layers,
        )


FREE = Cost(0, 0, 0, 0)


def op_cost(op: Op, shape: Shape) -> Cost:
    """Return the cost of one operation whose output has the given shape. Its `layers` is 0.

    Raises UnknownOperationError for an operation that is not handled here.
    """
    match op:
        case Conv():
            weights = op.out_channels * (op.in_channels // op.groups) * op.kernel**2
            positions = area(shape.size)
            bias = op.out_channels if op.bias else 0
            return Cost(weights + bias, weights * positions, op.out_channels * positions, 0)
        case RowColumnConv():
            total = FREE
            # Between the two convolutions, the value has the height of the input and the width of the output.
            between = sides(op.size)[0] * sides(shape.size)[1]
            for conv, positions in zip(op.factors, (between, area(shape.size)), strict=True):
                weights = conv.in_channels * conv.out_channels * op.kernel
                total += Cost(weights, weights * positions, conv.out_channels * positions, 0)
            return total
        case Linear():
            weights = op.in_features * op.out_features
            return Cost(weights + (op.out_features if op.bias else 0), weights, op.out_features, 0)
        case BatchNorm():
            return Cost(2 * op.channels if op.affine else 0, 0, 0, 0)
        case other if isinstance(other, WITHOUT_WEIGHTS):
            return FREE
        case other if isinstance(other, WITH_WEIGHTS):
            return _read_cost(other, shape)
    raise UnknownOperationError(op, "op_cost")


def _read_cost(op: object, shape: Shape) -> Cost:
    """The cost of an operation with weights that only networks of others have."""
    match op:
        case FreeConv():
            weights = op.out_channels * (op.in_channels // op.groups) * op.kernel[0] * op.kernel[1]
            positions = area(shape.size)
            params = (0 if op.weights == "fixed" else weights) + op.out_channels * (op.bias + op.gain)
            return Cost(params, weights * positions, op.out_channels * positions, 0)
        case ChannelConv():
            return Cost(op.kernel, op.kernel * shape.elements, shape.elements, 0)
        case PRelu():
            return Cost(op.slopes, 0, 0, 0)
        case LayerNorm():
            return Cost(op.channels * (op.scale + op.shift), 0, 0, 0)
        case GroupNorm():
            return Cost(op.channels * (op.scale + op.shift), 0, 0, 0)
        case ResponseNorm():
            return Cost(2 * op.channels, 0, 0, 0)
        case Scale():
            return Cost(op.factors, 0, 0, 0)
        case Offset():
            return Cost(op.terms, 0, 0, 0)
    raise UnknownOperationError(op, "op_cost")


def count_layers(structure: Structure) -> int:
    """Return `cost(structure).layers` in a tenth of the time; a search checks it first."""
    total = 0
    for spec in structure.blocks:
        position = _sub_layers_position(spec.kind)
        total += spec.args[position] if position is not None else block_layers(spec)
    return total


@cache
def _sub_layers_position(kind: str) -> int | None:
    return block_type(kind).index("sub_layers")


class BlockCost(NamedTuple):
    """The cost of a block, its number of input channels (`takes`) and its output shape."""

    params: int
    flops: int
    activations: int
    layers: int
    takes: int
    shape: Shape

    @property
    def cost(self) -> Cost:
        """The cost without the shapes."""
        return Cost(self.params, self.flops, self.activations, self.layers)


def block_cost(spec: BlockSpec, size: Size, options: Options = Options()) -> BlockCost:
    """Return the cost of one block on an input of this size in pixels. `CostModel` caches these costs.

    Raises StructureError if the block does not work on such an input.
    """
    template = template_of(spec)
    if template is not None:
        form = cost_form(template, size, options)
        params, flops, activations, shape = form.of(spec.args)
        return BlockCost(params, flops, activations, form.layers, spec.args[0], shape)
    nodes, shape = lower_block(spec, size, options)
    total = Cost(0, 0, 0, block_layers(spec))
    for node in nodes:
        total += op_cost(node.op, node.shape)
    return BlockCost(total.params, total.flops, total.activations, total.layers, in_channels(spec), shape)


@lru_cache(maxsize=1 << 14)
def head_cost(channels: int, num_classes: int) -> Cost:
    """Return the cost of the classifier: global pooling, then a linear layer with bias from `channels` features."""
    return op_cost(Linear(channels, num_classes), Shape(num_classes, FLAT))


class CostModel:
    """Computes the costs of structures at one resolution. It caches blocks, so a mutated network takes little time.

    resolution: height and width of the image in pixels; one number for a square.
    num_classes: the outputs of the classifier, or None to leave the classifier out.
    options: see `Options`.

    Raises StructureError if a number is less than 1.
    """

    _CAPACITY = 250_000  # blocks, about 100 MB

    def __init__(self, resolution: SizeLike, num_classes: int | None, options: Options = Options()) -> None:
        self.resolution = checked_size(resolution, StructureError, "the resolution")
        if num_classes is not None and num_classes < 1:
            raise StructureError(f"the number of classes is {num_classes}, expected at least 1")
        self.num_classes = num_classes
        self.options = options
        self._known: defaultdict[Size, dict[BlockSpec, BlockCost]] = defaultdict(dict)
        self._count = 0

    def blocks(self, structure: Structure) -> list[BlockCost]:
        """Return the cost and output shape of each block, in order, without the classifier.

        Raises StructureError if the structure is not a network at this resolution.
        """
        self(structure)  # checks that the channels match
        found: list[BlockCost] = []
        for spec in structure.blocks:
            size = found[-1].shape.size if found else self.resolution
            found.append(self._known[size].get(spec) or self._add(structure, spec, size))
        return found

    def __call__(self, structure: Structure) -> Cost:
        """Return the cost of the network. Raises StructureError if it is not a network at this resolution."""
        # A search spends a third of its time in this loop, so it uses plain sums and tuples.
        params = flops = activations = layers = 0
        size: Size = self.resolution
        channels = 0
        for spec in structure.blocks:
            block = self._known[size].get(spec)
            if block is None:
                block = self._add(structure, spec, size)
            if block[4] != channels and channels:
                message = does_not_join(spec.kind, block[4], channels)
                raise StructureError(message, str(structure.blocks.index(spec)))
            params += block[0]
            flops += block[1]
            activations += block[2]
            layers += block[3]
            channels, size = block[5]
        if not channels:
            raise StructureError("the structure has no blocks, expected at least one")
        if self.num_classes is None:
            return Cost(params, flops, activations, layers)
        head = head_cost(channels, self.num_classes)
        return Cost(params + head.params, flops + head.flops, activations + head.activations, layers)

    def _add(self, structure: Structure, spec: BlockSpec, size: Size) -> BlockCost:
        try:
            block = block_cost(spec, size, self.options)
        except StructureError as error:
            place = ".".join([str(structure.blocks.index(spec)), *error.path.split(".")[1:]])
            raise StructureError(error.message, place) from None
        if self._count >= self._CAPACITY:
            self._known.clear()
            self._count = 0
        self._count += 1
        self._known[size][spec] = block
        return block


@lru_cache(maxsize=16)
def _shared_model(resolution: Size, num_classes: int | None, options: Options) -> CostModel:
    return CostModel(resolution, num_classes, options)


def cost(
    structure: Structure,
    *,
    resolution: SizeLike = 32,
    num_classes: int | None = 10,
    use_se: bool = False,
    no_reslink: bool = False,
) -> Cost:
    """Return the cost of a network for one image.

    resolution: height and width of the image in pixels; one number for a square.
    num_classes: the outputs of the classifier, or None to leave the classifier out.
    use_se: whether super-blocks have squeeze-and-excitation.
    no_reslink: whether to leave residual links and their projections out.

    The numbers are exactly those of the built module. Raises StructureError if the structure is not a network at this
    resolution.
    """
    size = checked_size(resolution, StructureError, "the resolution")
    return _shared_model(size, num_classes, Options(use_se, no_reslink))(structure)
