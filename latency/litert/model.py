"""A LiteRT file as data: tensors, operators and metadata, with the numbers of TensorFlow Lite's schema (version 3).

Only operators that networks of this project need are here. Shapes are NHWC. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Builtin(IntEnum):
    """The codes of operators, `BuiltinOperator` of the schema."""

    ADD = 0
    AVERAGE_POOL_2D = 1
    CONCATENATION = 2
    CONV_2D = 3
    DEPTHWISE_CONV_2D = 4
    FULLY_CONNECTED = 9
    LOGISTIC = 14
    MAX_POOL_2D = 17
    MUL = 18
    RELU = 19
    RELU6 = 21
    RESHAPE = 22
    MEAN = 40
    SLICE = 65


class Padding(IntEnum):
    """SAME puts the larger half of the padding at the end, unlike PyTorch; VALID has none."""

    SAME = 0
    VALID = 1


class Fused(IntEnum):
    """The activation at the end of an operator, `ActivationFunctionType` of the schema."""

    NONE = 0
    RELU = 1
    RELU6 = 3


TYPES: Mapping[str, int] = {"float32": 0, "int32": 2, "uint8": 3, "int64": 4, "int8": 9}
"""The numbers of the types of tensors, `TensorType` of the schema, by numpy's name."""


class Field(NamedTuple):
    """A number in a table of the schema: its slot, its type ("int8", "int32" or "bool"), and the schema's default."""

    slot: int
    type: str
    value: int
    default: int = 0


@dataclass(frozen=True)
class Options:
    """The options of an operator. kind: `BuiltinOptions` of the schema."""

    kind: int
    fields: tuple[Field, ...] = ()


def conv_options(padding: Padding, stride: tuple[int, int], fused: Fused, dilation: tuple[int, int]) -> Options:
    """Pairs are (height, width)."""
    return Options(
        1,
        (
            Field(0, "int8", padding),
            Field(1, "int32", stride[1]),
            Field(2, "int32", stride[0]),
            Field(3, "int8", fused),
            Field(4, "int32", dilation[1], 1),
            Field(5, "int32", dilation[0], 1),
        ),
    )


def depthwise_options(
    padding: Padding, stride: tuple[int, int], fused: Fused, dilation: tuple[int, int], multiplier: int
) -> Options:
    """multiplier: output channels for each input channel. Pairs are (height, width)."""
    return Options(
        2,
        (
            Field(0, "int8", padding),
            Field(1, "int32", stride[1]),
            Field(2, "int32", stride[0]),
            Field(3, "int32", multiplier),
            Field(4, "int8", fused),
            Field(5, "int32", dilation[1], 1),
            Field(6, "int32", dilation[0], 1),
        ),
    )


def pool_options(padding: Padding, stride: tuple[int, int], window: tuple[int, int], fused: Fused) -> Options:
    """Pairs are (height, width)."""
    return Options(
        5,
        (
            Field(0, "int8", padding),
            Field(1, "int32", stride[1]),
            Field(2, "int32", stride[0]),
            Field(3, "int32", window[1]),
            Field(4, "int32", window[0]),
            Field(5, "int8", fused),
        ),
    )


def linear_options(fused: Fused) -> Options:
    return Options(8, (Field(0, "int8", fused),))


def concatenation_options(axis: int) -> Options:
    return Options(10, (Field(0, "int32", axis),))


def add_options(fused: Fused) -> Options:
    return Options(11, (Field(0, "int8", fused),))


def mul_options(fused: Fused) -> Options:
    return Options(21, (Field(0, "int8", fused),))


def mean_options(keep: bool) -> Options:
    """keep: whether the averaged axes remain, with a size of 1."""
    return Options(27, (Field(0, "bool", keep),))


RESHAPE_OPTIONS = Options(17)
SLICE_OPTIONS = Options(48)


@dataclass(frozen=True, eq=False)
class Quantisation:
    """real = scale * (q - zero point). scales: one, or one for each index of `dimension`."""

    scales: NDArray[np.float32]
    zero_points: NDArray[np.int64]
    dimension: int = 0

    @classmethod
    def of(cls, scale: float, zero_point: int) -> Quantisation:
        """Return the quantisation of a whole tensor."""
        return cls(np.array([scale], np.float32), np.array([zero_point], np.int64))

    @property
    def scale(self) -> float:
        """The scale of a tensor that has one."""
        return float(self.scales.item())

    @property
    def zero_point(self) -> int:
        return int(self.zero_points.item())


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value or a constant. data: the elements of a constant; None for a value. type: numpy's name."""

    name: str
    shape: tuple[int, ...]
    type: str = "float32"
    data: NDArray[np.generic] | None = None
    quantisation: Quantisation | None = None


@dataclass(frozen=True)
class Operator:
    """One operation. inputs, outputs: numbers of tensors. version: of the operator, as LiteRT's own converters say."""

    code: Builtin
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options | None = None
    version: int = 1


@dataclass(frozen=True, eq=False)
class Model:
    """The content of a file. inputs, outputs: numbers of tensors. metadata: by name."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    description: str = ""
    metadata: Mapping[str, bytes] = field(default_factory=dict)
