"""The receptive field of the last map of a network, read from its op graph without torch.

The receptive field of a position is what it depends on in the image: along each axis, from its first pixel to its last.
It is the union over all paths, so it is that of the path with the largest kernels and strides. What sees the whole
image anyway is passed over, because it says nothing about positions: global pooling, and the gates of squeeze and
excitation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from PlainNet.ops import (
    AdaptiveAvgPool,
    Add,
    AvgPool,
    BatchNorm,
    Concat,
    Conv,
    Flatten,
    Linear,
    MaxPool,
    Mul,
    Op,
    OpGraph,
    Relu,
    Relu6,
    RowColumnConv,
    Shift,
    Sigmoid,
    Swish,
    Truncate,
    UnknownOperationError,
    Zero,
)

_ONE_TO_ONE = (BatchNorm, Relu, Relu6, Swish, Sigmoid, Truncate)


@dataclass(frozen=True, slots=True)
class Field:
    """The receptive field of the positions of a value, in pixels along one axis, as if the image had no end.

    Position p depends on the pixels from stride · p + first to stride · p + last. stride: the product of the strides.
    """

    stride: int
    first: int
    last: int

    @property
    def side(self) -> int:
        """The number of pixels along one axis."""
        return self.last - self.first + 1

    def pixels(self, position: int, size: int) -> range:
        """Return the pixels of an image of side `size` that one position depends on; padding is none of them."""
        start = self.stride * position
        return range(max(0, start + self.first), min(size - 1, start + self.last) + 1)

    def window(self, extent: int, padding: int, stride: int) -> Field:
        """The field behind an operation with a window of `extent` positions and this padding."""
        first = self.first - self.stride * padding
        return Field(self.stride * stride, first, self.last + self.stride * (extent - 1 - padding))

    def union(self, other: Field) -> Field:
        """The field of a value that depends on two of the same stride."""
        return Field(self.stride, min(self.first, other.first), max(self.last, other.last))


def receptive_field(graph: OpGraph) -> Field | None:
    """Return the receptive field of the output of the last block; None if it has no positions or is constant.

    Raises UnknownOperationError for an operation that is not handled here: those that only networks of others have.
    """
    fields: list[Field | None] = [Field(1, 0, 0)]
    last = graph.block_outputs[-1]
    for node in graph.nodes[:last]:
        known = [field for value in node.inputs if (field := fields[value]) is not None]
        fields.append(_behind(node.op, known) if known else None)
    return fields[last]


def _behind(op: Op, known: list[Field]) -> Field | None:
    """The field of an operation's output. known: those of its inputs that have one, at least one."""
    field = known[0]
    match op:
        case Conv():
            return field.window(op.extent, op.padding, op.stride)
        case RowColumnConv() | MaxPool() | AvgPool():
            return field.window(op.kernel, op.padding, op.stride)
        case Shift():
            return Field(field.stride, field.first + field.stride, field.last + field.stride)
        case Add() | Mul() | Concat():
            return reduce(Field.union, known)
        case Zero() | Flatten() | Linear():
            return None
        case AdaptiveAvgPool(1):
            return None
        case other if isinstance(other, _ONE_TO_ONE):
            return field
    raise UnknownOperationError(op, "receptive_field")
