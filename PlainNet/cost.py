"""What a network costs, from its structure alone: no torch, no module.

Conventions, as in Zen-NAS's tables, timm and fvcore: *params* is `sum(p.numel())` of the deployed
network; *FLOPs* are multiply–accumulates of convolution and linear layers (half of what
`torch.utils.flop_counter` prints); *activations* are the output elements of those layers
(Radosavovic et al., CVPR 2020, "Designing Network Design Spaces"); *layers* is Zen-NAS's depth, the
sum of `sub_layers` over the blocks. All for one image.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from PlainNet.blocktype import Options, argument, block_type, in_channels
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
from PlainNet.template import template_of


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network or a part of it costs for one image; `a + b` for what follows one another."""

    params: int
    flops: int
    activations: int
    layers: int

    @property
    def depth(self) -> int:
        """Zen-NAS's name for `layers`."""
        return self.layers

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.params + other.params,
            self.flops + other.flops,
            self.activations + other.activations,
            self.layers + other.layers,
        )


FREE = Cost(0, 0, 0, 0)


def op_cost(op: Op, shape: Shape) -> Cost:
    """Cost of one operation that makes a value of `shape`; its `layers` is 0."""
    match op:
        case Conv():
            weights = op.out_channels * (op.in_channels // op.groups) * op.kernel**2
            positions = shape.size**2
            bias = op.out_channels if op.bias else 0
            return Cost(weights + bias, weights * positions, op.out_channels * positions, 0)
        case RowColumnConv():
            total = FREE
            # In between the value is as high as the input and as wide as the output.
            for conv, positions in zip(op.factors, (op.size * shape.size, shape.size**2), strict=True):
                weights = conv.in_channels * conv.out_channels * op.kernel
                total += Cost(weights, weights * positions, conv.out_channels * positions, 0)
            return total
        case Linear():
            weights = op.in_features * op.out_features
            return Cost(weights + (op.out_features if op.bias else 0), weights, op.out_features, 0)
        case BatchNorm():
            return Cost(2 * op.channels, 0, 0, 0)
        case other if isinstance(other, WITHOUT_WEIGHTS):
            return FREE
    raise UnknownOperationError(op, "op_cost")


def block_layers(spec: BlockSpec) -> int:
    """The block's share of the network's layers, Zen-NAS's depth.

    `sub_layers` for a super-block, the longest branch of a container, for others what their type says
    (1 for a basic convolution or linear block) or 0.
    """
    own = argument(spec, "sub_layers")
    if own is not None:
        return own
    if spec.branches:
        return max(sum(map(block_layers, branch)) for branch in spec.branches)
    own_layers = block_type(spec.kind).layers
    return own_layers(spec) if own_layers is not None else 0


def count_layers(structure: Structure) -> int:
    """`cost(structure).layers`, at a tenth of the price: a search asks for it first."""
    total = 0
    for spec in structure.blocks:
        position = _sub_layers_position(spec.kind)
        total += spec.args[position] if position is not None else block_layers(spec)
    return total


@cache
def _sub_layers_position(kind: str) -> int | None:
    return block_type(kind).index("sub_layers")


class BlockCost(NamedTuple):
    """Cost of a block, the channels it takes and the shape it makes."""

    params: int
    flops: int
    activations: int
    layers: int
    takes: int
    shape: Shape

    @property
    def cost(self) -> Cost:
        return Cost(self.params, self.flops, self.activations, self.layers)


def block_cost(spec: BlockSpec, size: int, options: Options = Options()) -> BlockCost:
    """Cost of one block on an input of `size` × `size`. Raises StructureError. `CostModel` caches it."""
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
    """Cost of the classifier on so many features: global pooling, then a linear layer with bias."""
    return op_cost(Linear(channels, num_classes), Shape(num_classes, FLAT))


class CostModel:
    """Counts structures at one resolution, remembering each block: a mutated network costs a block or two.

    `num_classes=None` leaves the classifier out.
    """

    _CAPACITY = 250_000  # blocks; a hundred megabytes

    def __init__(self, resolution: int, num_classes: int | None, options: Options = Options()) -> None:
        if resolution < 1:
            raise StructureError(f"the resolution is {resolution}, expected at least 1")
        if num_classes is not None and num_classes < 1:
            raise StructureError(f"the number of classes is {num_classes}, expected at least 1")
        self.resolution = resolution
        self.num_classes = num_classes
        self.options = options
        self._known: defaultdict[int, dict[BlockSpec, BlockCost]] = defaultdict(dict)
        self._count = 0

    def blocks(self, structure: Structure) -> list[BlockCost]:
        """Cost and output shape of each block, in order, without the classifier. Raises StructureError."""
        self(structure)  # checks that they join
        found: list[BlockCost] = []
        for spec in structure.blocks:
            size = found[-1].shape.size if found else self.resolution
            found.append(self._known[size].get(spec) or self._add(structure, spec, size))
        return found

    def __call__(self, structure: Structure) -> Cost:
        """Cost of the whole network. Raises StructureError where it is none at this resolution."""
        # A search spends a third of its time in this loop, hence plain sums and tuples.
        params = flops = activations = layers = 0
        size, channels = self.resolution, 0
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
            raise StructureError("a structure has at least one block")
        if self.num_classes is None:
            return Cost(params, flops, activations, layers)
        head = head_cost(channels, self.num_classes)
        return Cost(params + head.params, flops + head.flops, activations + head.activations, layers)

    def _add(self, structure: Structure, spec: BlockSpec, size: int) -> BlockCost:
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
def _shared_model(resolution: int, num_classes: int | None, options: Options) -> CostModel:
    return CostModel(resolution, num_classes, options)


def cost(
    structure: Structure,
    *,
    resolution: int = 32,
    num_classes: int | None = 10,
    use_se: bool = False,
    no_reslink: bool = False,
) -> Cost:
    """Cost of the network on one image of `resolution` × `resolution`, classifier included.

    `num_classes=None` leaves the classifier out. Equal to what the built module has and does, exactly.
    Raises StructureError where the structure is no network at that resolution.
    """
    return _shared_model(resolution, num_classes, Options(use_se, no_reslink))(structure)
