"""A LiteRT model in INT8, after LiteRT's quantisation specification (ai.google.dev/edge/litert, "8-bit quantization").

Values are asymmetric, from the minimum and maximum of each over the calibration images, zero included. Weights are
symmetric, from -127 to 127, for each output channel or for the whole tensor. Biases are INT32 in the scale of the sum
of products. No torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from latency.base import LatencyError
from latency.litert.model import Builtin, Model, Operator, Quantisation, Tensor

Range = tuple[float, float]

SAME_SCALE = {
    Builtin.AVERAGE_POOL_2D,
    Builtin.CONCATENATION,
    Builtin.MAX_POOL_2D,
    Builtin.RELU6,
    Builtin.RESHAPE,
    Builtin.SLICE,
}
"""Operators whose inputs and outputs have one scale.

The specification asks it of all but RELU6, for which the kernel for microcontrollers ignores the scale of the output.
"""
PROBABILITY = Quantisation.of(1 / 256, -128)
"""Of the output of LOGISTIC, by the specification."""
WEIGHTS: Mapping[Builtin, tuple[int, bool]] = {
    Builtin.CONV_2D: (0, True),
    Builtin.DEPTHWISE_CONV_2D: (3, True),
    Builtin.FULLY_CONNECTED: (0, False),
}
"""Of operators with weights, the dimension of the output channels, and whether each has a scale of its own.

Weights of FULLY_CONNECTED have one scale, which every runtime takes.
"""
VERSIONS: Mapping[Builtin, int] = {Builtin.CONV_2D: 3, Builtin.DEPTHWISE_CONV_2D: 3, Builtin.FULLY_CONNECTED: 4}
"""Versions of the INT8 operators as LiteRT's converters write them; of all others, 2."""
UNVERSIONED = {Builtin.RESHAPE}
LARGEST_BIAS = 2**30
LEAST_SCALE = 1e-12
"""Of weights and biases that are all zero."""
LEAST_RANGE = 1e-6
"""Of a value that is always zero, so that its scale is not zero."""


def int8_model(model: Model, ranges: Mapping[int, Range], per_channel: bool = True) -> Model:
    """Return a float model in INT8.

    ranges: minimum and maximum of every value. per_channel: whether weights of convolutions have a scale for each
    output channel. Raises LatencyError if operators ask for different scales of one value.
    """
    values = _value_scales(model, ranges)
    tensors = list(model.tensors)
    for number, found in values.items():
        tensors[number] = replace(tensors[number], type="int8", quantisation=found)
    for operator in model.operators:
        if operator.code in WEIGHTS:
            weights, bias = operator.inputs[1:]
            dimension, channels = WEIGHTS[operator.code]
            pair = _weights(
                model.tensors[weights],
                model.tensors[bias],
                values[operator.inputs[0]].scale,
                dimension if per_channel and channels else None,
            )
            tensors[weights], tensors[bias] = pair
    for number, tensor in enumerate(tensors):
        if tensor.type == "float32":
            tensors[number] = _constant(tensor)
    return replace(model, tensors=tuple(tensors), operators=tuple(map(_versioned, model.operators)))


def values_of(model: Model) -> Iterator[int]:
    """Yield the numbers of all tensors that are no constants."""
    return (number for number, tensor in enumerate(model.tensors) if tensor.data is None)


def _versioned(operator: Operator) -> Operator:
    if operator.code in UNVERSIONED:
        return operator
    return replace(operator, version=max(operator.version, VERSIONS.get(operator.code, 2)))


def _value_scales(model: Model, ranges: Mapping[int, Range]) -> dict[int, Quantisation]:
    """The quantisation of every value: one for all that must share it, from their common range."""
    group = {value: value for value in values_of(model)}

    def first(value: int) -> int:
        while group[value] != value:
            value = group[value]
        return value

    for operator in model.operators:
        if operator.code in SAME_SCALE:
            ends = [value for value in (*operator.inputs, *operator.outputs) if value in group]
            for value in ends[1:]:
                group[first(value)] = first(ends[0])
    fixed = {first(operator.outputs[0]) for operator in model.operators if operator.code is Builtin.LOGISTIC}
    found: dict[int, Quantisation] = {}
    for head in {first(value) for value in group}:
        members = [value for value in group if first(value) == head]
        low, high = min(ranges[value][0] for value in members), max(ranges[value][1] for value in members)
        if head in fixed and not (low >= 0 and high <= 1):
            raise LatencyError(
                f"{model.tensors[head].name} is joined with the output of a sigmoid, whose scale LiteRT fixes, but has "
                f"values from {low:.3g} to {high:.3g}: export in float32 with --format litert"
            )
        found.update(dict.fromkeys(members, PROBABILITY if head in fixed else scaled(low, high)))
    return found


def scaled(low: float, high: float) -> Quantisation:
    """Return the asymmetric quantisation of a range, widened to include zero, which then is exact."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32(max(high - low, LEAST_RANGE) / 255))
    return Quantisation.of(scale, int(np.clip(round(-128 - low / scale), -128, 127)))


def _weights(weights: Tensor, bias: Tensor, image: float, dimension: int | None) -> tuple[Tensor, Tensor]:
    """Weights and biases in INT8 and INT32. image: the scale of the input. dimension: that has a scale for each index;
    None for one scale.
    """
    values, added = _floats(weights), _floats(bias)
    others = tuple(axis for axis in range(values.ndim) if axis != dimension) if dimension is not None else None
    limits = np.atleast_1d(np.abs(values).max(axis=others))
    # The sum of products has to hold the bias, also of a channel whose weights are almost zero.
    most = np.abs(added) if dimension is not None else np.abs(added).max(keepdims=True)
    scales = np.maximum(np.maximum(limits / 127, most / (image * LARGEST_BIAS)), LEAST_SCALE)
    scales = scales.astype(np.float32)
    shape = [-1 if axis == dimension else 1 for axis in range(values.ndim)]
    stored = np.clip(np.round(values / scales.reshape(shape)), -127, 127).astype(np.int8)
    sums = (np.float32(image) * scales).astype(np.float32)
    zeros = np.zeros(len(scales), np.int64)
    whole = np.round(added.astype(np.float64) / sums).astype(np.int32)
    return (
        replace(weights, type="int8", data=stored, quantisation=Quantisation(scales, zeros, dimension or 0)),
        replace(bias, type="int32", data=whole, quantisation=Quantisation(sums, zeros)),
    )


def _constant(tensor: Tensor) -> Tensor:
    """A constant that is no weight, such as a summand, in INT8."""
    values = _floats(tensor)
    found = scaled(float(values.min()), float(values.max()))
    stored = np.clip(np.round(values / found.scale) + found.zero_point, -128, 127).astype(np.int8)
    return replace(tensor, type="int8", data=stored, quantisation=found)


def _floats(tensor: Tensor) -> NDArray[np.float32]:
    assert tensor.data is not None
    return tensor.data.astype(np.float32)
