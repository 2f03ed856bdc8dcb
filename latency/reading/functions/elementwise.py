"""Functions of each element, and functions that change nothing in evaluation mode."""

from __future__ import annotations

import math
from collections.abc import Callable

from latency.reading.recorder import Call, reads
from PlainNet.ops import Op, Relu, Relu6, Sigmoid, Swish
from PlainNet.read_ops import Activation
from PlainNet.sizes import area

_SIMPLE: dict[str, Callable[[], Op]] = {
    "relu": Relu,
    "relu6": Relu6,
    "silu": Swish,
    "sigmoid": Sigmoid,
    **{
        name: (lambda name=name: Activation(name))  # type: ignore[misc]  # its own default binds the name
        for name in ("hardswish", "hardsigmoid", "mish", "tanh", "square", "sqrt", "exp", "erf", "abs", "softplus")
    },
}


@reads(*(f"{name}{end}" for name in _SIMPLE for end in ("", "_")))
def simple(call: Call) -> None:
    """Read a function that has an operation of its own."""
    pointwise(call, _SIMPLE[call.name.removesuffix("_")]())


def pointwise(call: Call, op: Op) -> None:
    """Append an operation that does not mind how the axes are arranged."""
    value = call.first
    call.emit(op, value.number, axes=value.axes)


@reads("gelu")
def gelu(call: Call) -> None:
    """Read GELU, or its approximation by tanh."""
    _, approximate = call.arguments(("input", "approximate"), "none")
    pointwise(call, Activation("gelu" if approximate == "none" else "gelu_tanh"))


@reads("leaky_relu", "leaky_relu_")
def leaky_relu(call: Call) -> None:
    """Read a rectifier with a fixed slope."""
    pointwise(call, Activation("leaky_relu", (float(call.arguments(("input", "negative_slope"), 0.01)[1]),)))


@reads("elu", "elu_")
def elu(call: Call) -> None:
    """Read an exponential linear unit."""
    pointwise(call, Activation("elu", (float(call.arguments(("input", "alpha"), 1.0)[1]),)))


@reads("hardtanh", "hardtanh_", "clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_")
def limits(call: Call) -> None:
    """Read a clip to limits: ReLU and ReLU6 are such clips."""
    names, defaults = (
        (("min_val", "max_val"), (-1.0, 1.0)) if "hardtanh" in call.name else (("min", "max"), (None, None))
    )
    _, low, high = call.arguments(("input", *names), *defaults)
    if not all(limit is None or isinstance(limit, (int, float)) for limit in (low, high)):
        raise call.refuse("a clip to computed limits")
    least, most = (-math.inf if low is None else float(low)), (math.inf if high is None else float(high))
    if (least, most) == (0, math.inf):
        pointwise(call, Relu())
    else:
        pointwise(call, Relu6() if (least, most) == (0, 6) else Activation("clip", (least, most)))


@reads("softmax")
def softmax(call: Call) -> None:
    """Read a softmax over channels or a digit of their index; others belong to attention."""
    _, dim = call.arguments(("input", "dim"), -1)
    value = call.first
    axis = value.axes[int(dim) % len(value.axes)]
    if len(axis) != 1 or axis[0].of != "c" or area(call.shape(value.number).size) > 1:
        raise call.refuse("a softmax over positions, as in attention,")
    call.emit(Activation("softmax", (axis[0].stride, axis[0].size)), value.number, axes=value.axes)


@reads(
    "scaled_dot_product_attention", "multi_head_attention_forward", "matmul", "__matmul__", "bmm", "baddbmm", "einsum",
)  # fmt: skip
def attention(call: Call) -> None:
    """Refuse a product of matrices that both depend on the image."""
    recorder = call.recorder
    raise call.refuse(
        f"{call.name.strip('_')} of two values that depend on the image, in {recorder.kinds[recorder.place]},"
    )


@reads(
    "dropout", "dropout2d", "feature_dropout", "alpha_dropout", "stochastic_depth", "contiguous", "clone", "detach",
    "to", "float", "half", "bfloat16", "type_as", "get_data", "requires_grad_",
    "cpu", "alias", "positive", "__deepcopy__",
)  # fmt: skip
def nothing(call: Call) -> None:
    """Read a function that returns its input."""
    call.hold(call.first)
