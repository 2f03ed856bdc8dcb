"""Stacks of normal and reduction cells, as in DARTS (Liu et al., ICLR 2019) and NDS (Radosavovic et al., ICCV 2019).

A cell reads the outputs of the two cells before it, so the whole stack, including its stem, is a single block.
`CellStack4(in_channels,width,cells,stem,…normal cell…,…reduction cell…)` has cells of four nodes. A cell is written as
operation and source of each edge, two edges per node, followed by `concat`. Sources 0 and 1 are the outputs of the two
preceding cells, and source 2 is the first node. Bit i of `concat` says whether node i is part of the output. Operations
are indices into `OPERATIONS`. The stem is 0 for small images (one convolution) or 1 for large ones (three convolutions
of stride 2). SearchSpace/genotype.py has a readable notation.
"""

from __future__ import annotations

from dataclasses import dataclass

from PlainNet.blocks.nasbench201 import relu_conv_bn
from PlainNet.blocktype import IN, MAX_CHANNELS, BlockType, Param, register
from PlainNet.ir import BlockSpec
from PlainNet.lowering import Builder, Value

OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "sep_conv_7x7",
    "dil_sep_conv_3x3",
    "conv_1x1",
    "conv_3x3",
    "max_pool_5x5",
    "max_pool_7x7",
    "avg_pool_5x5",
    "conv_7x1_1x7",
    "conv_3x1_1x3",
)
"""The eight operations of DARTS, in its order, then those of the other spaces of NDS. Structures refer to operations by
their index, so new ones must be added at the end."""

NODES = (2, 3, 4, 5)
"""The possible numbers of nodes in a cell: 4 in DARTS, 5 in NASNet, AmoebaNet, PNAS and ENAS."""

KINDS = {nodes: f"CellStack{nodes}" for nodes in NODES}
STEM_MULTIPLIER = 3

_SEPARABLE = {  # name: kernel, dilation, repetitions
    "sep_conv_3x3": (3, 1, 2),
    "sep_conv_5x5": (5, 1, 2),
    "sep_conv_7x7": (7, 1, 2),
    "dil_conv_3x3": (3, 2, 1),
    "dil_conv_5x5": (5, 2, 1),
    "dil_sep_conv_3x3": (3, 2, 2),
}
_CONVOLUTIONS = {"conv_1x1": 1, "conv_3x3": 3}
_ROW_COLUMN = {"conv_7x1_1x7": 7, "conv_3x1_1x3": 3}
_MAX_POOLS = {"max_pool_3x3": 3, "max_pool_5x5": 5, "max_pool_7x7": 7}
_AVG_POOLS = {"avg_pool_3x3": 3, "avg_pool_5x5": 5}


@dataclass(frozen=True)
class Cell:
    """A cell of a stack.

    edges: (index into `OPERATIONS`, source) of each edge, two per node.
    concat: the states that are concatenated to the output.

    States 0 and 1 are the outputs of the two preceding cells, the closer one being state 1. State i + 2 is node i.
    """

    edges: tuple[tuple[int, int], ...]
    concat: tuple[int, ...]

    def args(self) -> tuple[int, ...]:
        return (*(number for edge in self.edges for number in edge), sum(1 << (state - 2) for state in self.concat))

    @classmethod
    def of_args(cls, args: tuple[int, ...]) -> Cell:
        *numbers, mask = args
        edges = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        return cls(edges, tuple(node + 2 for node in range(len(edges) // 2) if mask >> node & 1))


@dataclass(frozen=True)
class Stack:
    """The arguments of a `CellStack` block. `width` is that of the first cell; each reduction cell doubles it."""

    in_channels: int
    width: int
    cells: int
    large_images: bool
    normal: Cell
    reduction: Cell

    def spec(self) -> BlockSpec:
        args = (self.in_channels, self.width, self.cells, int(self.large_images))
        return BlockSpec(KINDS[len(self.normal.edges) // 2], (*args, *self.normal.args(), *self.reduction.args()))

    @classmethod
    def of_spec(cls, spec: BlockSpec) -> Stack:
        in_channels, width, cells, stem, *rest = spec.args
        half = len(rest) // 2
        normal, reduction = Cell.of_args(tuple(rest[:half])), Cell.of_args(tuple(rest[half:]))
        return cls(in_channels, width, cells, bool(stem), normal, reduction)

    def is_reduction(self, index: int) -> bool:
        """Return whether the cell halves the resolution, as the cells at one and two thirds of the depth do."""
        return index in (self.cells // 3, 2 * self.cells // 3)


def factorized_reduce(b: Builder, x: Value, width: int) -> Value:
    """Halve the resolution with two 1×1 convolutions that read different positions."""
    x = b.relu(x)
    with b.at("conv_1"):
        even = b.conv(x, width // 2, kernel=1, stride=2)
    with b.at("conv_2"):
        odd = b.conv(b.shift(x), width - width // 2, kernel=1, stride=2)
    with b.at("bn"):
        return b.batch_norm(b.concat([even, odd]))


def separable(b: Builder, x: Value, stride: int, kernel: int, dilation: int, times: int) -> Value:
    """ReLU, depthwise and pointwise convolution, BN, repeated `times`. The first repetition has the stride."""
    width = x.shape.channels
    for i in range(times):
        with b.at(i):
            x = b.relu(x)
            with b.at("depthwise"):
                x = b.conv(x, width, kernel, stride if i == 0 else 1, groups=width, dilation=dilation)
            with b.at("pointwise"):
                x = b.conv(x, width, kernel=1)
            with b.at("bn"):
                x = b.batch_norm(x)
    return x


def row_column(b: Builder, x: Value, stride: int, kernel: int) -> Value:
    """ReLU, a convolution along rows, one along columns, BN. The first reduces the width, the second the height."""
    x = b.relu(x)
    with b.at("conv"):
        x = b.row_column_conv(x, x.shape.channels, kernel, stride)
    with b.at("bn"):
        return b.batch_norm(x)


def edge(b: Builder, x: Value, operation: str, stride: int) -> Value:
    if operation in _SEPARABLE:
        return separable(b, x, stride, *_SEPARABLE[operation])
    if operation in _CONVOLUTIONS:
        return relu_conv_bn(b, x, x.shape.channels, _CONVOLUTIONS[operation], stride)
    if operation in _ROW_COLUMN:
        return row_column(b, x, stride, _ROW_COLUMN[operation])
    if operation in _MAX_POOLS:
        return b.max_pool(x, _MAX_POOLS[operation], stride)
    if operation in _AVG_POOLS:
        return b.avg_pool(x, _AVG_POOLS[operation], stride)
    if operation == "none":
        return b.zero(x) if stride == 1 else b.avg_pool(b.zero(x), kernel=1, stride=stride)
    return x if stride == 1 else factorized_reduce(b, x, x.shape.channels)


def cell_output(b: Builder, states: list[Value], cell: Cell, reduction: bool) -> Value:
    """Return the output of a cell. `states` are its two inputs, which have the same shape."""
    states = list(states)
    for node in range(len(cell.edges) // 2):
        with b.at(f"node{node}"):
            arriving = []
            for i, (chosen, source) in enumerate(cell.edges[2 * node : 2 * node + 2]):
                with b.at(i):
                    stride = 2 if reduction and source < 2 else 1
                    arriving.append(edge(b, states[source], OPERATIONS[chosen], stride))
            states.append(b.add(*arriving))
    return b.concat([states[i] for i in cell.concat])


def conv_bn(b: Builder, x: Value, channels: int, stride: int) -> Value:
    with b.at("conv"):
        x = b.conv(x, channels, kernel=3, stride=stride)
    with b.at("bn"):
        return b.batch_norm(x)


def stem(b: Builder, x: Value, stack: Stack) -> tuple[Value, Value]:
    """Return the two inputs of the first cell."""
    if not stack.large_images:
        with b.at(0):
            x = conv_bn(b, x, STEM_MULTIPLIER * stack.width, stride=1)
        return x, x
    with b.at(0):
        x = conv_bn(b, x, stack.width // 2, stride=2)
    with b.at(1):
        before = conv_bn(b, b.relu(x), stack.width, stride=2)
    with b.at(2):
        return before, conv_bn(b, b.relu(before), stack.width, stride=2)


def cell_stack(b: Builder, x: Value, spec: BlockSpec) -> Value:
    stack = Stack.of_spec(spec)
    with b.at("stem"):
        before, last = stem(b, x, stack)
    width, shrunk = stack.width, stack.large_images
    for i in range(stack.cells):
        reduction = stack.is_reduction(i)
        width *= 2 if reduction else 1
        with b.at(f"cell{i}"):
            with b.at("preprocess0"):  # if the last cell reduced, the one before it has twice the resolution
                first = factorized_reduce(b, before, width) if shrunk else relu_conv_bn(b, before, width, kernel=1)
            with b.at("preprocess1"):
                second = relu_conv_bn(b, last, width, kernel=1)
            cell = stack.reduction if reduction else stack.normal
            before, last = last, cell_output(b, [first, second], cell, reduction)
        shrunk = reduction
    return last


def cell_stack_layers(spec: BlockSpec) -> int:
    """Convolutions on the longest path from the image to the output."""
    stack = Stack.of_spec(spec)
    before, last = (2, 3) if stack.large_images else (1, 1)
    for i in range(stack.cells):
        reduction = stack.is_reduction(i)
        cell = stack.reduction if reduction else stack.normal
        states = [before + 1, last + 1]
        for node in range(len(cell.edges) // 2):
            arriving = [
                states[source] + _edge_layers(OPERATIONS[chosen], reduction and source < 2)
                for chosen, source in cell.edges[2 * node : 2 * node + 2]
                if OPERATIONS[chosen] != "none"
            ]
            states.append(max(arriving, default=0))
        before, last = last, max(states[i] for i in cell.concat)
    return last


def _edge_layers(operation: str, reduces: bool) -> int:
    if operation in _SEPARABLE:
        return 2 * _SEPARABLE[operation][2]
    if operation in _ROW_COLUMN:
        return 2
    return int(operation in _CONVOLUTIONS or (operation == "skip_connect" and reduces))


def _cell_params(name: str, nodes: int) -> tuple[Param, ...]:
    params, last = [], len(OPERATIONS) - 1
    for node in range(nodes):
        for i in (1, 2):
            params.append(Param(f"{name}_node{node}_operation{i}", maximum=last, minimum=0, words=OPERATIONS))
            params.append(Param(f"{name}_node{node}_source{i}", maximum=node + 1, minimum=0))
    return (*params, Param(f"{name}_concat", maximum=2**nodes - 1))


_OWN = (IN, Param("width", MAX_CHANNELS, minimum=2), Param("cells", maximum=100), Param("stem", maximum=1, minimum=0))
for nodes, kind in KINDS.items():
    parameters = (*_OWN, *_cell_params("normal", nodes), *_cell_params("reduction", nodes))
    register(BlockType(kind, parameters, lower=cell_stack, layers=cell_stack_layers))
