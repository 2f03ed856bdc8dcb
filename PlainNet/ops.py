"""Primitive operations and the op graph, which represents a network.

`OpGraph` is in static single assignment form: value 0 is the input, and `nodes[i]` makes value `i + 1` from the values
that it lists. Residual links, branches and cells need no special cases. `lowering.py` makes graphs; `cost.py`,
`modules.py` and the closed-form score interpret them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from PlainNet import read_ops
from PlainNet.errors import ZennasError
from PlainNet.sizes import Size, area, each_side, sides


@dataclass(frozen=True, slots=True)
class Conv:
    """2-D convolution with a square kernel, weights (out, in / groups, kernel, kernel), and padding (extent - 1) // 2.

    dilation: the distance between the taps of the kernel. extent: the side of the window that the taps span.
    """

    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    groups: int = 1
    bias: bool = False
    dilation: int = 1

    @property
    def extent(self) -> int:
        """The side of the window that the taps span."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def padding(self) -> int:
        """The padding on each side."""
        return (self.extent - 1) // 2


class Factor(NamedTuple):
    """One of the two convolutions of a `RowColumnConv`. kernel, stride and padding are pairs (height, width)."""

    name: str
    in_channels: int
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RowColumnConv:
    """A convolution of 1 × kernel followed by one of kernel × 1, with padding (kernel - 1) // 2 and no bias.

    The pair is a single operation because the value in between is neither as large as the input nor as the output if
    there is a stride: the first convolution reduces the width, and the second one the height. size: of the input.
    """

    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    size: Size

    @property
    def padding(self) -> int:
        """The padding on each side."""
        return (self.kernel - 1) // 2

    @property
    def factors(self) -> tuple[Factor, Factor]:
        """The convolution along rows, weights (out, in, 1, kernel), then along columns, (out, out, kernel, 1)."""
        row = Factor("row", self.in_channels, self.out_channels, (1, self.kernel), (1, self.stride), (0, self.padding))
        column = Factor(
            "column", self.out_channels, self.out_channels, (self.kernel, 1), (self.stride, 1), (self.padding, 0)
        )
        return row, column


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Batch normalisation over (batch, height, width). affine: with a learned scale and shift."""

    channels: int
    affine: bool = True


@dataclass(frozen=True, slots=True)
class Linear:
    """Fully connected layer on a flat value, with weights (out, in)."""

    in_features: int
    out_features: int
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Relu:
    """max(x, 0)."""


@dataclass(frozen=True, slots=True)
class Relu6:
    """min(max(x, 0), 6)."""


@dataclass(frozen=True, slots=True)
class Swish:
    """x * sigmoid(x)."""


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """1 / (1 + exp(-x))."""


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Max pooling with padding (kernel - 1) // 2."""

    kernel: int
    stride: int

    @property
    def padding(self) -> int:
        """The padding on each side."""
        return (self.kernel - 1) // 2


@dataclass(frozen=True, slots=True)
class AvgPool:
    """Average pooling with padding (kernel - 1) // 2. The mean excludes the padding.

    ceil: whether there is an output for a last window that is only partly inside the input.
    """

    kernel: int
    stride: int
    ceil: bool = False

    @property
    def padding(self) -> int:
        """The padding on each side."""
        return (self.kernel - 1) // 2


@dataclass(frozen=True, slots=True)
class AdaptiveAvgPool:
    """Average pooling to `size` × `size` positions."""

    size: int


@dataclass(frozen=True, slots=True)
class Flatten:
    """Reshape (channels, 1, 1) to a flat vector."""


@dataclass(frozen=True, slots=True)
class Zero:
    """Zeros in the shape of the input; the operation `none` of cells."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Shift by one position up and one to the left, filled with zeros at the bottom and on the right."""


@dataclass(frozen=True, slots=True)
class Truncate:
    """Keep the first `channels` channels."""

    channels: int


@dataclass(frozen=True, slots=True)
class Add:
    """Sum of two values of the same shape."""


@dataclass(frozen=True, slots=True)
class Mul:
    """Product of a feature map and a gate of shape (channels, 1, 1); in networks read from elsewhere, also one of shape
    (1, height, width), or of two values of the same shape."""


@dataclass(frozen=True, slots=True)
class Concat:
    """Concatenation along channels."""


Op: TypeAlias = (
    Conv
    | RowColumnConv
    | BatchNorm
    | Linear
    | Relu
    | Relu6
    | Swish
    | Sigmoid
    | MaxPool
    | AvgPool
    | AdaptiveAvgPool
    | Flatten
    | Zero
    | Shift
    | Truncate
    | Add
    | Mul
    | Concat
    | read_ops.FreeConv
    | read_ops.ChannelConv
    | read_ops.PRelu
    | read_ops.LayerNorm
    | read_ops.GroupNorm
    | read_ops.ResponseNorm
    | read_ops.Scale
    | read_ops.Offset
    | read_ops.FreePool
    | read_ops.Activation
    | read_ops.Rescale
    | read_ops.Sub
    | read_ops.Slice
    | read_ops.ChannelShuffle
    | read_ops.Pad
    | read_ops.Upsample
    | read_ops.SpaceToDepth
    | read_ops.Unflatten
)
"""Any primitive operation. Interpreters raise `UnknownOperationError` for an operation that they do not handle."""

WITHOUT_WEIGHTS = (
    Relu,
    Relu6,
    Swish,
    Sigmoid,
    MaxPool,
    AvgPool,
    AdaptiveAvgPool,
    Flatten,
    Zero,
    Shift,
    Truncate,
    Add,
    Mul,
    Concat,
    *read_ops.WITHOUT_WEIGHTS,
)


def positions(op: Conv | RowColumnConv | MaxPool | AvgPool, size: Size) -> Size:
    """Return the size of the output for an input of this size."""
    return each_side(lambda side: positions_along(op, side), size)


def positions_along(op: Conv | RowColumnConv | MaxPool | AvgPool, side: int) -> int:
    """Return the height of the output for an input of this height, or its width for a width."""
    extent = op.extent if isinstance(op, Conv) else op.kernel
    free = side + 2 * op.padding - extent
    steps = -(-free // op.stride) if isinstance(op, AvgPool) and op.ceil else free // op.stride
    return steps + 1


class UnknownOperationError(ZennasError, TypeError):
    """Raised by an interpreter of op graphs for an operation that it does not handle."""

    def __init__(self, op: object, where: str) -> None:
        super().__init__(f"{where} does not handle the operation {type(op).__name__}: add it there")


BN_EPS = 1e-3
"""Epsilon of batch-norms, as in Zen-NAS's classifiers."""
BN_MOMENTUM = 0.1
"""Momentum of the running statistics of batch-norms, torch's default."""

FLAT = 0
"""The `size` of a flat value, which has no height and width."""


class Shape(NamedTuple):
    """The shape of a value for one image: channels, and the size of the feature map in pixels or `FLAT`."""

    channels: int
    size: Size

    @property
    def elements(self) -> int:
        """Number of elements for one image."""
        return self.channels * area(self.size) if self.size else self.channels

    @property
    def dims(self) -> tuple[int, ...]:
        """(C, H, W), or (features,) for a flat value."""
        return (self.channels, *sides(self.size)) if self.size else (self.channels,)

    def __str__(self) -> str:
        return "×".join(map(str, self.dims))


class Node(NamedTuple):
    """One operation in an op graph.

    op: the operation. inputs: the numbers of the values it reads. shape: the shape of its output.
    path: the dotted index of the block that made it, and the name of its weights in the module. "1.0.3" is the fourth
        layer of the first unit of the second block.
    block: the index of the top-level block, or `HEAD`.
    """

    op: Op
    inputs: tuple[int, ...]
    shape: Shape
    path: str
    block: int


HEAD = -1
"""`Node.block` of the classifier: global average pooling, flatten, linear."""


@dataclass(frozen=True, slots=True)
class OpGraph:
    """A lowered network.

    input: the shape of the input. nodes: the operations, in order. output: the number of the last value.
    block_outputs: the numbers of the outputs of the top-level blocks.
    """

    input: Shape
    nodes: tuple[Node, ...]
    output: int
    block_outputs: tuple[int, ...]

    def shape_of(self, value: int) -> Shape:
        """Return the shape of a value, given its number; value 0 is the input."""
        return self.nodes[value - 1].shape if value else self.input

    def producer(self, value: int) -> Op | None:
        """Return the operation that makes the value with the number `value`, or None for the input."""
        return self.nodes[value - 1].op if value else None
