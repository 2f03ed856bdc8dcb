"""ONNX operators as calls of torch. Imports torch.

Each function takes the node's attributes and its inputs: tensors, or numpy arrays for what the file stores or shapes
say. Operators: https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Attributes: TypeAlias = dict[str, Any]
Held: TypeAlias = Any
"""A parameter, an array, None for an input that is left out, or a sign for one that another node makes."""
Operator: TypeAlias = Callable[..., Any]
OPERATORS: dict[str, Operator] = {}


class UnreadError(ValueError):
    """A node has a form that is not read."""


def implements(*names: str) -> Callable[[Operator], Operator]:
    """Register a function for operators."""

    def register(function: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return register


def _simple(function: Callable[..., Any], *attributes: tuple[str, Any]) -> Operator:
    """A function of tensors whose further arguments are attributes with defaults."""

    def call(given: Attributes, *inputs: Any) -> Any:
        return function(*map(_number, inputs), *(given.get(name, default) for name, default in attributes))

    return call


def _number(value: Any) -> Any:
    """A single stored number as a float, other arrays as tensors."""
    if isinstance(value, np.ndarray) and value.size == 1:
        return value.item()
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value


def _arithmetic(function: Callable[[Any, Any], Any]) -> Operator:
    """A function of two tensors, or of two arrays: lengths that are computed from shapes."""

    def call(given: Attributes, one: Any, two: Any) -> Any:
        if isinstance(one, Tensor) or isinstance(two, Tensor):
            return function(_number(one), _number(two))
        return np.asarray(function(one, two))

    return call


def _quotient(one: Any, two: Any) -> Any:
    """The quotient, which is whole for whole numbers."""
    whole = isinstance(one, np.ndarray) and one.dtype.kind == "i"
    return one // two if whole else one / two


OPERATORS.update({
    "Relu": _simple(F.relu), "Sigmoid": _simple(torch.sigmoid), "Tanh": _simple(torch.tanh),
    "HardSwish": _simple(F.hardswish), "Mish": _simple(F.mish), "Softplus": _simple(F.softplus),
    "Erf": _simple(torch.erf), "Sqrt": _simple(torch.sqrt), "Exp": _simple(torch.exp), "Abs": _simple(torch.abs),
    "Neg": _simple(torch.neg), "Add": _arithmetic(operator.add), "Sub": _arithmetic(operator.sub),
    "Mul": _arithmetic(operator.mul),
    "Div": _arithmetic(_quotient), "LeakyRelu": _simple(F.leaky_relu, ("alpha", 0.01)),
    "Elu": _simple(F.elu, ("alpha", 1.0)),
    "PRelu": _simple(lambda x, slope: F.prelu(x, slope.flatten())), "Softmax": _simple(torch.softmax, ("axis", -1)),
    "GlobalAveragePool": _simple(lambda x: F.adaptive_avg_pool2d(x, 1)),
    "GlobalMaxPool": _simple(lambda x: F.adaptive_max_pool2d(x, 1)),
    "Gelu": lambda given, x: F.gelu(x, approximate=given.get("approximate", "none")),
    "Identity": lambda given, x: x, "Dropout": lambda given, x, *rest: x,
    "Transpose": lambda given, x: x.permute(given.get("perm", list(range(x.dim()))[::-1])),
    "Shape": lambda given, x: np.array(x.shape[given.get("start", 0) : given.get("end")]),
    "Concat": lambda given, *values: torch.cat(values, given["axis"]),
})  # fmt: skip


@implements("Sum")
def total(given: Attributes, *values: Any) -> Any:
    """Return the sum of the inputs."""
    result = values[0]
    for value in values[1:]:
        result = result + value
    return result


@implements("Cast")
def cast(given: Attributes, x: Any) -> Any:
    """Return the input; precision has no meaning for an op graph."""
    return x


@implements("Pow")
def power(given: Attributes, x: Any, exponent: Any) -> Any:
    """Return a power by a fixed number."""
    return torch.pow(x, _number(exponent))


@implements("HardSigmoid")
def hard_sigmoid(given: Attributes, x: Any) -> Any:
    """Return torch's hardsigmoid if the slope is its own, otherwise the clip that it is."""
    slope, shift = given.get("alpha", 0.2), given.get("beta", 0.5)
    if math.isclose(slope, 1 / 6, rel_tol=1e-5) and math.isclose(shift, 0.5):
        return F.hardsigmoid(x)
    return torch.clamp(x * slope + shift, 0.0, 1.0)


@implements("Clip")
def clip(given: Attributes, x: Any, low: Any = None, high: Any = None) -> Any:
    """Return a clip to fixed limits."""
    least = given.get("min") if low is None else float(_number(low))
    most = given.get("max") if high is None else float(_number(high))
    return torch.clamp(x, least, most)


@implements("Conv")
def convolution(given: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    """Return a 2-D convolution."""
    window, stride = list(weight.shape[2:]), given.get("strides") or [1, 1]
    gap = given.get("dilations") or [1, 1]
    if len(window) == 1:
        return F.conv1d(x, weight, bias, stride[:1], (given.get("pads") or [0])[0], gap[:1], given.get("group", 1))
    x, border = _padded(given, x, window, stride, gap, 0.0)
    return F.conv2d(x, weight, bias, tuple(stride), border, tuple(gap), given.get("group", 1))


@implements("MaxPool")
def max_pool(given: Attributes, x: Any) -> Any:
    """Return max pooling."""
    window = given["kernel_shape"]
    stride, gap = given.get("strides") or [1, 1], given.get("dilations") or [1, 1]
    x, border = _padded(given, x, window, stride, gap, -math.inf)
    return F.max_pool2d(x, tuple(window), tuple(stride), border, tuple(gap), bool(given.get("ceil_mode", 0)))


@implements("AveragePool")
def average_pool(given: Attributes, x: Any) -> Any:
    """Return average pooling; padding at the end that means exclude is rounding up."""
    window, stride = list(given["kernel_shape"]), list(given.get("strides") or [1, 1])
    counted, ceil = bool(given.get("count_include_pad", 0)), bool(given.get("ceil_mode", 0))
    pads = _pads(given, x, window, stride, [1, 1])
    if pads[:2] == pads[2:]:
        return F.avg_pool2d(x, tuple(window), tuple(stride), tuple(pads[:2]), ceil, counted)
    if counted:
        return F.avg_pool2d(F.pad(x, (pads[1], pads[3], pads[0], pads[2])), tuple(window), tuple(stride), 0, ceil)
    sizes = [
        (side + low + high - taps) // step + 1
        for side, taps, step, low, high in zip(x.shape[2:], window, stride, pads[:2], pads[2:], strict=True)
    ]
    result = F.avg_pool2d(x, tuple(window), tuple(stride), tuple(pads[:2]), True, False)
    if list(result.shape[2:]) != sizes:
        raise UnreadError(f"an average pooling with padding {pads} is not read: expected equal padding on all sides")
    return result


def _pads(given: Attributes, x: Any, window: Sequence[int], stride: Sequence[int], gap: Sequence[int]) -> list[int]:
    """Padding above, on the left, below, on the right."""
    how = given.get("auto_pad", "NOTSET")
    if how not in ("SAME_UPPER", "SAME_LOWER"):
        return list(given.get("pads") or [0, 0, 0, 0])
    before, after = [], []
    for side, taps, step, apart in zip(x.shape[2:], window, stride, gap, strict=True):
        needed = max((-(-side // step) - 1) * step + apart * (taps - 1) + 1 - side, 0)
        small, large = needed // 2, needed - needed // 2
        before.append(small if how == "SAME_UPPER" else large)
        after.append(large if how == "SAME_UPPER" else small)
    return [*before, *after]


def _padded(
    given: Attributes, x: Any, window: Sequence[int], stride: Sequence[int], gap: Sequence[int], fill: float
) -> tuple[Any, tuple[int, int]]:
    """The input and the padding of the layer; padding that differs from side to side is a step of its own."""
    top, left, bottom, right = _pads(given, x, window, stride, gap)
    if (top, left) == (bottom, right):
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=fill), (0, 0)


@implements("BatchNormalization")
def batch_norm(given: Attributes, x: Any, weight: Any, bias: Any, mean: Any, variance: Any) -> Any:
    """Return batch normalisation by the stored statistics."""
    return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, given.get("epsilon", 1e-5))


@implements("LayerNormalization")
def layer_norm(given: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    """Return layer normalisation over the last axes."""
    return F.layer_norm(x, tuple(weight.shape), weight, bias, given.get("epsilon", 1e-5))


@implements("GroupNormalization")
def group_norm(given: Attributes, x: Any, weight: Any, bias: Any) -> Any:
    """Return group normalisation."""
    return F.group_norm(x, given["num_groups"], weight, bias, given.get("epsilon", 1e-5))


@implements("Gemm")
def gemm(given: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    """Return a linear layer."""
    if given.get("transA") or given.get("alpha", 1.0) != 1 or given.get("beta", 1.0) != 1:
        raise UnreadError("a Gemm with alpha, beta or transA is not read")
    return F.linear(x, weight if given.get("transB") else weight.t(), bias)


@implements("MatMul")
def matmul(given: Attributes, x: Any, weight: Any) -> Any:
    """Return a linear layer without bias, if one of the two is stored."""
    if isinstance(weight, torch.nn.Parameter) and weight.dim() == 2:
        return F.linear(x, weight.t())
    return torch.matmul(x, weight)


@implements("Flatten")
def flatten(given: Attributes, x: Any) -> Any:
    """Return two axes."""
    axis = given.get("axis", 1) % x.dim()
    return x.reshape(math.prod(x.shape[:axis]), -1)


@implements("Reshape")
def reshape(given: Attributes, x: Any, shape: Any) -> Any:
    """Return another shape; 0 keeps a length."""
    dims = [int(d) for d in shape]
    if not given.get("allowzero"):
        dims = [x.shape[i] if d == 0 else d for i, d in enumerate(dims)]
    return x.reshape(dims)


def _axes(given: Attributes, axes: Any) -> list[int] | None:
    found = given.get("axes") if axes is None else axes
    return None if found is None else [int(axis) for axis in np.atleast_1d(found)]


@implements("Squeeze")
def squeeze(given: Attributes, x: Any, axes: Any = None) -> Any:
    """Return the tensor without axes of length 1."""
    if isinstance(x, np.ndarray):
        return np.squeeze(x, tuple(_axes(given, axes) or ()) or None)
    gone = {axis % x.dim() for axis in _axes(given, axes) or range(x.dim())}
    return x.reshape([length for i, length in enumerate(x.shape) if i not in gone or length != 1])


@implements("Unsqueeze")
def unsqueeze(given: Attributes, x: Any, axes: Any = None) -> Any:
    """Return the tensor with new axes of length 1."""
    where = _axes(given, axes) or []
    if isinstance(x, (np.ndarray, np.generic)):
        return np.expand_dims(x, tuple(where))
    for axis in sorted(axis % (x.dim() + len(where)) for axis in where):
        x = x.unsqueeze(axis)
    return x


@implements("ReduceMean")
def mean(given: Attributes, x: Any, axes: Any = None) -> Any:
    """Return a mean over axes."""
    return x.mean(_axes(given, axes), keepdim=bool(given.get("keepdims", 1)))


@implements("ReduceMax")
def maximum(given: Attributes, x: Any, axes: Any = None) -> Any:
    """Return the maximum over axes."""
    return x.amax(_axes(given, axes), keepdim=bool(given.get("keepdims", 1)))


@implements("ReduceSum")
def reduced_sum(given: Attributes, x: Any, axes: Any = None) -> Any:
    """Return the sum over an axis."""
    where = _axes(given, axes) or []
    return x.sum(where[0] if len(where) == 1 else where, keepdim=bool(given.get("keepdims", 1)))


@implements("Split")
def split(given: Attributes, x: Any, sizes: Any = None) -> Any:
    """Return parts along an axis."""
    axis, lengths = given.get("axis", 0), given.get("split") if sizes is None else [int(s) for s in sizes]
    if lengths is None:
        count = given.get("num_outputs", given["outputs"])
        return torch.split(x, -(-x.shape[axis] // count), axis)
    return torch.split(x, lengths, axis)


@implements("Slice")
def slice_(given: Attributes, x: Any, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None) -> Any:
    """Return slices along axes."""
    first = given["starts"] if starts is None else starts
    last = given["ends"] if ends is None else ends
    where = _axes(given, axes) or list(range(len(first)))
    apart = [1] * len(where) if steps is None else [int(s) for s in steps]
    index: list[Any] = [slice(None)] * len(x.shape)
    for axis, low, high, step in zip(where, first, last, apart, strict=True):
        index[axis] = slice(int(low), int(high), step)
    return x[tuple(index)]


@implements("Gather")
def gather(given: Attributes, x: Any, index: Any) -> Any:
    """Return one position of an axis."""
    axis = given.get("axis", 0)
    if isinstance(x, np.ndarray):
        return np.take(x, np.asarray(index), axis)
    if isinstance(index, np.ndarray) and index.ndim == 0:
        return x[(slice(None),) * (axis % x.dim()) + (int(index),)]
    raise UnreadError("a Gather of several positions is not read")


@implements("Pad")
def pad(given: Attributes, x: Any, sides: Any = None, value: Any = None, axes: Any = None) -> Any:
    """Return padding of height and width."""
    count = x.dim()
    amounts = [int(side) for side in (given["pads"] if sides is None else sides)]
    where = [axis % count for axis in _axes(given, axes) or range(count)]
    low, high = amounts[: len(where)], amounts[len(where) :]
    around = {axis: pair for axis, *pair in zip(where, low, high, strict=True)}
    if any(any(around.get(axis, (0, 0))) for axis in range(count - 2)):
        raise UnreadError("padding of anything but height and width is not read")
    fill = given.get("value", 0.0) if value is None else float(_number(value))
    flat = [side for axis in (count - 1, count - 2) for side in around.get(axis, (0, 0))]
    mode = given.get("mode", "constant")
    return F.pad(x, flat, mode, fill if mode == "constant" else None)


@implements("Resize", "Upsample")
def resize(given: Attributes, x: Any, *rest: Any) -> Any:
    """Return interpolation to the size that scales or sizes say."""
    scales, sizes = (rest[0], None) if len(rest) == 1 else ((rest[1:2] or [None])[0], (rest[2:3] or [None])[0])
    if sizes is not None and len(sizes):
        size = [int(side) for side in sizes[2:]]
    elif scales is not None and len(scales):
        size = [int(side * float(scale)) for side, scale in zip(x.shape[2:], scales[2:], strict=True)]
    else:
        raise UnreadError("a Resize without a fixed size is not read")
    mode = {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic"}[given.get("mode", "nearest")]
    return F.interpolate(x, size, mode=mode)


@implements("Expand")
def expand(given: Attributes, x: Any, shape: Any) -> Any:
    """Return the input, repeated along axes of length 1."""
    dims = [int(d) for d in shape]
    return x.expand([max(own, d) for own, d in zip(x.shape, dims, strict=True)])


@implements("SpaceToDepth")
def space_to_depth(given: Attributes, x: Any) -> Any:
    """Return squares of positions as channels."""
    n, channels, height, width = x.shape
    block = given["blocksize"]
    x = x.view(n, channels, height // block, block, width // block, block).permute(0, 3, 5, 1, 2, 4)
    result: Tensor = x.reshape(n, channels * block * block, height // block, width // block)
    return result
