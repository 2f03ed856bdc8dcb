"""The primitive operations that blocks are made of, and the graph that holds them.

`OpGraph` is in static single assignment form: value 0 is the input, node `i` makes value `i + 1`
and names the values it reads. Residuals, branches and cells therefore need no special case.
Graphs are made by `lowering.py` and read by `cost.py`, `modules.py` and the closed-form score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from PlainNet.errors import ZennasError


@dataclass(frozen=True, slots=True)
class Conv:
    """2-D convolution, square kernel, padding (extent - 1) // 2; weight (out, in / groups, kernel, kernel).

    dilation: the distance between taps; `extent` is the side of the window that they span.
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
        return self.dilation * (self.kernel - 1) + 1

    @property
    def padding(self) -> int:
        return (self.extent - 1) // 2


class Factor(NamedTuple):
    """One of the two convolutions of a `RowColumnConv`: its name, its channels, and pairs of (height, width)."""

    name: str
    in_channels: int
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, slots=True)
class RowColumnConv:
    """A convolution of 1 × kernel and, right behind it, one of kernel × 1; padding (kernel - 1) // 2, no bias.

    One operation, as the value in between is not square where there is a stride: the first convolution makes it
    narrower, the second lower. size: the side of the input, which says how high it is in between.
    """

    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    size: int

    @property
    def padding(self) -> int:
        return (self.kernel - 1) // 2

    @property
    def factors(self) -> tuple[Factor, Factor]:
        """Along rows, then along columns; weights (out, in, 1, kernel) and (out, out, kernel, 1)."""
        row = Factor("row", self.in_channels, self.out_channels, (1, self.kernel), (1, self.stride), (0, self.padding))
        column = Factor(
            "column", self.out_channels, self.out_channels, (self.kernel, 1), (self.stride, 1), (self.padding, 0)
        )
        return row, column


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Batch normalisation over (batch, height, width) with a learned scale and shift."""

    channels: int


@dataclass(frozen=True, slots=True)
class Linear:
    """Fully connected layer on a flat value; weight (out, in)."""

    in_features: int
    out_features: int
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Relu:
    pass


@dataclass(frozen=True, slots=True)
class Swish:
    """x * sigmoid(x)."""


@dataclass(frozen=True, slots=True)
class Sigmoid:
    pass


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Max pooling, padding (kernel - 1) // 2."""

    kernel: int
    stride: int

    @property
    def padding(self) -> int:
        return (self.kernel - 1) // 2


@dataclass(frozen=True, slots=True)
class AvgPool:
    """Average pooling, padding (kernel - 1) // 2; the mean is over what lies inside the border.

    ceil: whether a last window that is only partly inside counts.
    """

    kernel: int
    stride: int
    ceil: bool = False

    @property
    def padding(self) -> int:
        return (self.kernel - 1) // 2


@dataclass(frozen=True, slots=True)
class AdaptiveAvgPool:
    """Average pooling to a fixed output size."""

    size: int


@dataclass(frozen=True, slots=True)
class Flatten:
    """(channels, 1, 1) to a flat vector."""


@dataclass(frozen=True, slots=True)
class Zero:
    """Zeros of the input's shape: what cells call `none`."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One position up and to the left; zeros enter at the bottom and at the right."""


@dataclass(frozen=True, slots=True)
class Truncate:
    """The first so many channels."""

    channels: int


@dataclass(frozen=True, slots=True)
class Add:
    """Sum of two values of one shape."""


@dataclass(frozen=True, slots=True)
class Mul:
    """Product of an image-shaped value and a gate of shape (channels, 1, 1)."""


@dataclass(frozen=True, slots=True)
class Concat:
    """Concatenation along channels."""


Op: TypeAlias = (
    Conv
    | RowColumnConv
    | BatchNorm
    | Linear
    | Relu
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
)
"""Whoever interprets operations raises `UnknownOperationError` for one that it does not know."""

WITHOUT_WEIGHTS = (
    Relu,
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
)


def positions(op: Conv | RowColumnConv | MaxPool | AvgPool, size: int) -> int:
    """How many positions the operation's window takes along a side of `size`."""
    extent = op.extent if isinstance(op, Conv) else op.kernel
    free = size + 2 * op.padding - extent
    steps = -(-free // op.stride) if isinstance(op, AvgPool) and op.ceil else free // op.stride
    return steps + 1


class UnknownOperationError(ZennasError, TypeError):
    """An operation that an interpreter of op graphs does not know yet."""

    def __init__(self, op: object, where: str) -> None:
        super().__init__(f"{where} does not know the operation {type(op).__name__}: add it there")


BN_EPS = 1e-3
"""Of every batch-norm, as in Zen-NAS's classifier networks."""
BN_MOMENTUM = 0.1
"""How far a pass in training moves running statistics; torch's default."""

FLAT = 0
"""The `size` of a value that has no height and width any more."""


class Shape(NamedTuple):
    """Channels and side of a square feature map; `size` is `FLAT` for a vector, after `Flatten`."""

    channels: int
    size: int

    @property
    def elements(self) -> int:
        """Number of elements for one image."""
        return self.channels * self.size * self.size if self.size else self.channels

    @property
    def dims(self) -> tuple[int, ...]:
        """(C, H, W), or (features,) where flat."""
        return (self.channels, self.size, self.size) if self.size else (self.channels,)

    def __str__(self) -> str:
        return "×".join(map(str, self.dims))


class Node(NamedTuple):
    """One operation: what it is, the values it reads, the shape it makes, and where in the structure it stands.

    `path` is the dotted index of the block that made it ("1.0.3": second block, its first unit, fourth
    layer there), which is also the name of its weights in the built module. `block` is the index of the
    top-level block, or `HEAD`.
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
    """A lowered network. `shape_of(0)` is the input; `output` and `block_outputs` are value numbers."""

    input: Shape
    nodes: tuple[Node, ...]
    output: int
    block_outputs: tuple[int, ...]

    def shape_of(self, value: int) -> Shape:
        return self.nodes[value - 1].shape if value else self.input

    def producer(self, value: int) -> Op | None:
        """The operation that makes `value`; None for the input."""
        return self.nodes[value - 1].op if value else None
