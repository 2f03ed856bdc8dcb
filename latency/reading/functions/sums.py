"""Sums, differences and products: of two values, and with learned or fixed numbers. Imports torch."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from latency.reading.layout import Axes, whole
from latency.reading.recorder import Call, Tracked, reads
from PlainNet.ops import Add, Mul, Op, Relu6, Shape, Sigmoid, Swish
from PlainNet.read_ops import Activation, Offset, Rescale, Scale, Sub, Upsample
from PlainNet.sizes import area

_GATED: dict[type[Op] | Op, Op] = {Sigmoid(): Swish(), Activation("hardsigmoid"): Activation("hardswish")}


@reads("add", "add_", "__add__", "__radd__", "__iadd__", "iadd")
def add(call: Call) -> None:
    """Read a sum."""
    x, y = operands(call)
    if call.tracked(x) is None:
        x, y = y, x
    value, other = call.value(x), call.tracked(y)
    if other is None:
        if isinstance(y, Tensor):
            learned(call, value, y, "a sum")
        else:
            call.emit(Rescale(1.0, float(y)), value.number, axes=value.axes)
        return
    numbers = alike(call, value, other)
    if numbers is None:
        raise call.refuse("an addition of anything but two values of the same shape")
    call.emit(Add(), *numbers, axes=value.axes)


@reads("sub", "sub_", "__sub__", "__isub__", "subtract", "__rsub__", "rsub")
def subtract(call: Call) -> None:
    """Read a difference."""
    x, y = operands(call)
    if "rsub" in call.name:
        x, y = y, x
    value, other = call.tracked(x), call.tracked(y)
    if value is not None and other is not None:
        numbers = alike(call, value, other)
        if numbers is None:
            raise call.refuse("a difference of values of different shapes")
        call.emit(Sub(), *numbers, axes=value.axes)
    elif isinstance(x, Tensor) and isinstance(y, Tensor):
        raise call.refuse("a difference with a learned or fixed tensor")
    elif value is not None:
        call.emit(Rescale(1.0, -float(y)), value.number, axes=value.axes)
    else:
        assert other is not None
        call.emit(Rescale(-1.0, float(x)), other.number, axes=other.axes)


@reads("mul", "mul_", "__mul__", "__rmul__", "__imul__", "multiply", "imul")
def multiply(call: Call) -> None:
    """Read a product: with numbers, with a gate for each channel or each position, or of two values."""
    x, y = operands(call)
    if call.tracked(x) is None:
        x, y = y, x
    value, other = call.value(x), call.tracked(y)
    if other is None:
        if isinstance(y, Tensor):
            learned(call, value, y, "a product")
        else:
            rescale(call, value, float(y))
        return
    if gated(call, value, other) or gated(call, other, value):
        return
    numbers = alike(call, value, other)
    if numbers is not None:
        call.emit(Mul(), *numbers, axes=value.axes)
        return
    for big, small in ((value, other), (other, value)):  # the gate comes second, whatever its position in the module
        number = gate(call, big, small)
        if number is not None:
            call.emit(Mul(), call.recorder.position(big), number, axes=big.axes)
            return
    one, two = sorted((value, other), key=lambda x: area(call.shape(x.number).size))
    narrow, flat = call.recorder.image(one), call.recorder.image(two)
    if (
        narrow is not None
        and flat is not None
        and call.shape(one.number).size == 1
        and call.shape(two.number).channels == 1
    ):
        wide = Shape(call.shape(one.number).channels, call.shape(two.number).size)  # both are repeated
        repeated = call.recorder.emit(Upsample(wide.size, "nearest"), (narrow,), wide, call.recorder.place)
        call.emit(Mul(), repeated, flat)
        return
    raise call.refuse("a multiplication by anything but a gate for each channel")


@reads("div", "div_", "__truediv__", "__itruediv__", "true_divide", "divide")
def divide(call: Call) -> None:
    """Read a division by a number."""
    x, y = operands(call)
    if not isinstance(y, (int, float)) or not y:
        raise call.refuse("a division by anything but a number")
    rescale(call, call.value(x), 1 / float(y))


@reads("neg", "neg_", "__neg__")
def negative(call: Call) -> None:
    """Read a change of sign."""
    rescale(call, call.first, -1.0)


@reads("pow", "pow_", "__pow__")
def power(call: Call) -> None:
    """Read a square or a square root."""
    _, exponent = call.arguments(("input", "exponent"))
    functions = {2: "square", 0.5: "sqrt"}
    if exponent not in functions:
        raise call.refuse(f"a power of {exponent}")
    call.emit(Activation(functions[exponent]), call.first.number, axes=call.first.axes)


def operands(call: Call) -> tuple[Any, Any]:
    """Return the two operands. Raises LatencyError if the second one is multiplied by a factor."""
    x, y, alpha = call.arguments(("input", "other", "alpha"), 1)
    if alpha not in (1, None):
        raise call.refuse("a weighted sum")
    return x, y


def alike(call: Call, x: Tracked, y: Tracked) -> tuple[int, int] | None:
    """The numbers of two values whose axes are equal; None if they are not."""
    if x.axes != y.axes:
        return None
    if call.shape(x.number) == call.shape(y.number):
        return x.number, y.number
    return call.recorder.position(x), call.recorder.position(y)


def gate(call: Call, big: Tracked, small: Tracked) -> int | None:
    """The number of a value (C, 1, 1) or (1, H, W) that fits the other one; None if it does not fit."""
    axes: Axes = ((),) * (len(big.axes) - len(small.axes)) + small.axes
    if len(axes) != len(big.axes) or any(axis not in ((), own) for axis, own in zip(axes, big.axes, strict=True)):
        return None
    number = call.recorder.position(small)
    shape, own = call.shape(number), call.shape(big.number)
    return number if shape in (Shape(own.channels, 1), Shape(1, own.size)) and axes[0] == big.axes[0] else None


def gated(call: Call, value: Tracked, other: Tracked) -> bool:
    """Read x * sigmoid(x) and x * hardsigmoid(x) as the functions that they are; False for other products."""
    recorder = call.recorder
    node = recorder.nodes[other.number - 1] if other.number else None
    if node is None or node.inputs != (value.number,) or value.axes != other.axes or node.op not in _GATED:
        return False
    recorder.hidden.add(other.number - 1)
    call.emit(_GATED[node.op], value.number, axes=value.axes)
    return True


def rescale(call: Call, value: Tracked, factor: float) -> None:
    """Append a product with a number; relu6(x + 3) / 6 is hardsigmoid(x)."""
    nodes = call.recorder.nodes
    node = nodes[value.number - 1] if value.number else None
    if math.isclose(factor, 1 / 6) and node is not None and isinstance(node.op, Relu6) and node.inputs[0]:
        before = nodes[node.inputs[0] - 1]
        if before.op == Rescale(1.0, 3.0):
            call.recorder.hidden |= {value.number - 1, node.inputs[0] - 1}
            call.emit(Activation("hardsigmoid"), before.inputs[0], axes=value.axes)
            return
    call.emit(Rescale(factor), value.number, axes=value.axes)


def learned(call: Call, value: Tracked, tensor: Tensor, what: str) -> None:
    """Append a product or sum with a tensor that holds one number, or one for each channel."""
    channels = call.shape(value.number).channels
    dims = (1,) * (len(value.axes) - tensor.dim()) + tuple(tensor.shape)
    long = [axis for axis, length in zip(value.axes, dims, strict=False) if length != 1]
    if len(dims) != len(value.axes) or long not in ([], [whole("c", channels)]):
        raise call.refuse(
            f"{what} with a tensor of {'×'.join(map(str, tensor.shape))}, expected a number for each channel"
        )
    path, name = call.owner(tensor)
    place = f"{path}.{name}" if path and name else name
    count = int(tensor.numel())
    product = what == "a product"
    if call.recorder.is_learned(tensor):
        call.emit(Scale(count) if product else Offset(count), value.number, path=place, axes=value.axes)
        return
    held = call.recorder.numbers(tensor)
    if held is None:
        raise call.refuse(f"{what} with computed numbers")
    numbers: Any = held[0] if count == 1 else held
    call.emit(Rescale(numbers) if product else Rescale(1.0, numbers), value.number, path=place, axes=value.axes)
