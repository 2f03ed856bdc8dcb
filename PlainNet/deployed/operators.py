"""The operators of a deployed network, with the names and the meaning that LiteRT gives them.

Values are in NHWC order and have one byte an element. Value 0 is the image; operator i makes value i + 1. This is also
the order in which a file numbers its tensors with activations and runs its operators: a planner of memory depends on
both. Weights are described, not stored: `Weights` says which layers of the op graph they come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal, NamedTuple, TypeAlias

Pair: TypeAlias = tuple[int, int]
"""(height, width)"""

Activation: TypeAlias = Literal["NONE", "RELU", "RELU6"]
"""What an operator applies to its output; it needs no value of its own."""

PoolKind: TypeAlias = Literal["MAX", "AVERAGE"]

Padding: TypeAlias = Literal["SAME", "VALID"]
"""SAME: ceil(size / stride) outputs, with half of the padding that this needs, rounded down, above and on the left.
VALID: none. Averages exclude padding, as PyTorch's do here."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Where the weights and the biases of an operator come from.

    layer: the number of the value in the op graph whose `Conv`, `RowColumnConv` or `Linear` has them; None if each
        channel is only multiplied by `fill`.
    factor: the index into `RowColumnConv.factors`.
    taps: (height, width) of the layer's own kernel, and origin: the (row, column) of its first tap in the operator's
        kernel, whose other taps are zero.
    norms: the batch normalisations that are folded into weights and biases, in order, as (number of the value in the
        op graph, its first channel here). Another channel than 0 occurs if a normalisation follows a concatenation.
    """

    layer: int | None
    factor: int | None = None
    taps: Pair = (1, 1)
    origin: Pair = (0, 0)
    fill: float = 1.0
    norms: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Conv2D:
    """CONV_2D. Weights (out, kernel height, kernel width, in / groups); the number of groups follows from their shape.

    There is always a bias, INT32, as the interpreter of LiteRT asks for one.
    """

    in_channels: int
    out_channels: int
    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: Padding
    groups: int
    activation: Activation
    weights: Weights

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the weights, of which the first is the quantised dimension."""
        return (self.out_channels, *self.kernel, self.in_channels // self.groups)


@dataclass(frozen=True, slots=True)
class DepthwiseConv2D:
    """DEPTHWISE_CONV_2D. Weights (1, kernel height, kernel width, channels · multiplier), quantised by channel, their
    dimension 3."""

    channels: int
    multiplier: int
    kernel: Pair
    stride: Pair
    dilation: Pair
    padding: Padding
    activation: Activation
    weights: Weights

    @property
    def out_channels(self) -> int:
        """The channels of the output; channel c · multiplier + i is the i-th of input channel c."""
        return self.channels * self.multiplier

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the weights, of which the last is the quantised dimension."""
        return (1, *self.kernel, self.out_channels)


@dataclass(frozen=True, slots=True)
class FullyConnected:
    """FULLY_CONNECTED on a value (1, features). Weights (out, in), with a bias."""

    in_features: int
    out_features: int
    activation: Activation
    weights: Weights

    @property
    def out_channels(self) -> int:
        """The features of the output."""
        return self.out_features

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the weights, of which the first is the quantised dimension."""
        return (self.out_features, self.in_features)


@dataclass(frozen=True, slots=True)
class Mean:
    """MEAN over height and width, axes (1, 2). keep_dims: whether the output is (1, 1, 1, C) instead of (1, C).

    A mean has a scale of its own for its output. An AVERAGE_POOL_2D would need no scratch memory, but it has the scale
    of its input, of which a mean over many positions uses a small part.
    """

    keep_dims: bool


@dataclass(frozen=True, slots=True)
class Pool2D:
    """MAX_POOL_2D or AVERAGE_POOL_2D. The output has the scale of the input."""

    kind: PoolKind
    kernel: Pair
    stride: Pair
    padding: Padding
    activation: Activation


@dataclass(frozen=True, slots=True)
class Add:
    """ADD of two values of the same shape."""

    activation: Activation


@dataclass(frozen=True, slots=True)
class Mul:
    """MUL of two values of the same shape, or of a value and a gate (1, 1, 1, C)."""

    activation: Activation


@dataclass(frozen=True, slots=True)
class Logistic:
    """LOGISTIC, the sigmoid. The output has the scale 1 / 256 and the zero point -128."""


@dataclass(frozen=True, slots=True)
class Rectify:
    """RELU or RELU6 as an operator of its own. The output of RELU6 keeps the scale of the input."""

    activation: Literal["RELU", "RELU6"]


@dataclass(frozen=True, slots=True)
class Concatenation:
    """CONCATENATION along channels. All inputs and the output have the same scale."""


@dataclass(frozen=True, slots=True)
class Reshape:
    """RESHAPE from (1, 1, 1, C) to (1, C). The output has the scale of the input."""


@dataclass(frozen=True, slots=True)
class Slice:
    """SLICE: the first `channels` channels. The output has the scale of the input."""

    channels: int


Weighted: TypeAlias = Conv2D | DepthwiseConv2D | FullyConnected
"""Operators with weights and biases, which are constants of the file."""

Kind: TypeAlias = Weighted | Mean | Pool2D | Add | Mul | Logistic | Rectify | Concatenation | Reshape | Slice
"""Any operator."""


class Operator(NamedTuple):
    """An operator in its place.

    kind: what it does. inputs: the numbers of the values that it reads, without constants. shape: of its output, which
    is value i + 1 of operator i: (1, H, W, C) or (1, C).
    value: the number of the value in the op graph that the output is equal to; None for a value that only the deployed
        network has: the sigmoid in a swish, what is between the factors of a `RowColumnConv`, a pooling before its
        stride.
    block: `Node.block` of the operation that it begins with.
    """

    kind: Kind
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    value: int | None
    block: int


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployed network. image: the shape of value 0, (1, H, W, C) or (1, C). output: the number of the output."""

    image: tuple[int, ...]
    operators: tuple[Operator, ...]
    output: int

    def shape_of(self, value: int) -> tuple[int, ...]:
        """Return the shape of a value, given its number."""
        return self.operators[value - 1].shape if value else self.image

    def bytes_of(self, value: int) -> int:
        """Return the bytes of a value: one an element."""
        return prod(self.shape_of(value))


def weight_bytes(kind: Weighted) -> int:
    """Return the bytes of weights, INT8, and biases, INT32."""
    return prod(kind.weight_shape) + 4 * kind.out_channels


def builtin(kind: Kind) -> str:
    """Return the name of the operator in LiteRT's schema."""
    match kind:
        case Conv2D():
            return "CONV_2D"
        case DepthwiseConv2D():
            return "DEPTHWISE_CONV_2D"
        case FullyConnected():
            return "FULLY_CONNECTED"
        case Pool2D():
            return f"{kind.kind}_POOL_2D"
        case Rectify():
            return kind.activation
        case _:
            return type(kind).__name__.upper()
