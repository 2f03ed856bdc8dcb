"""Pooling, and means over positions."""

from __future__ import annotations

from typing import Any

from latency.reading.layout import Axes
from latency.reading.recorder import Call, Tracked, reads
from PlainNet.ops import FLAT, AdaptiveAvgPool, AvgPool, MaxPool, Shape, positions
from PlainNet.read_ops import FreePool
from PlainNet.sizes import Sides


@reads("max_pool2d", "_max_pool2d", "boolean_dispatch")
def max_pool(call: Call) -> None:
    """Read max pooling: `MaxPool` if that describes it, otherwise `FreePool`."""
    x, kernel, stride, padding, dilation, ceil = call.arguments(
        ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode"), None, 0, 1, False
    )
    number = call.image(call.value(x))
    taps, steps = call.window(kernel), call.window(stride or kernel)
    border = call.square(padding, "a padding")
    if call.square(dilation) != 1:
        raise call.refuse("a dilated pooling layer")
    shape = Shape(call.shape(number).channels, call.size())
    if isinstance(taps, int) and isinstance(steps, int):
        op = MaxPool(taps, steps)
        if border == op.padding and positions(op, call.shape(number).size) == shape.size:
            call.emit(op, number, shape=shape)
            return
    call.emit(FreePool("max", taps, steps, border, bool(ceil)), number, shape=shape)


@reads("avg_pool2d")
def average_pool(call: Call) -> None:
    """Read average pooling: `AvgPool` if that describes it, otherwise `FreePool`."""
    x, kernel, stride, padding, ceil, counted, divisor = call.arguments(
        ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
        None, 0, False, True, None,
    )  # fmt: skip
    number = call.image(call.value(x))
    taps, steps = call.window(kernel), call.window(stride or kernel)
    border = call.square(padding, "a padding")
    if divisor is not None:
        raise call.refuse("an average pooling with another divisor")
    shape = Shape(call.shape(number).channels, call.size())
    if isinstance(taps, int) and isinstance(steps, int):
        op = AvgPool(taps, steps, bool(ceil))
        if border == op.padding and not (border and counted):
            call.emit(op, number, shape=shape)
            return
    call.emit(FreePool("average", taps, steps, border, bool(ceil), bool(counted)), number, shape=shape)


@reads("adaptive_avg_pool2d")
def adaptive_average_pool(call: Call) -> None:
    """Read average pooling to a fixed size."""
    number, side = call.image(), call.size()
    if isinstance(side, Sides):
        raise call.refuse(f"an average pooling to {side} positions")
    call.emit(AdaptiveAvgPool(side), number, shape=Shape(call.shape(number).channels, side))


@reads("adaptive_max_pool2d")
def adaptive_max_pool(call: Call) -> None:
    """Read max pooling of all positions."""
    number = call.image()
    if call.size() != 1:
        raise call.refuse("adaptive max pooling to more than one position")
    shape = call.shape(number)
    call.emit(FreePool("max", shape.size, shape.size, 0), number, shape=Shape(shape.channels, 1))


@reads("mean", "amax")
def over_positions(call: Call) -> None:
    """Read a mean or maximum over height and width."""
    x, dim, keep = call.arguments(("input", "dim", "keepdim"), None, False)
    value = call.value(x)
    if call.shape(value.number).size == FLAT:
        raise call.refuse(f"a {call.name} over anything but height and width")
    over, axes = reduced(call, value, dim, bool(keep))
    shape = call.shape(value.number)
    rest = [atom.of for axis, gone in zip(value.axes, over, strict=True) if not gone for atom in axis]
    gone = [atom.of for axis, gone in zip(value.axes, over, strict=True) if gone for atom in axis]
    if {"h", "w"} & set(rest) or {"c", "n"} & set(gone):
        raise call.refuse(f"a {call.name} over anything but height and width")
    op = AdaptiveAvgPool(1) if call.name == "mean" else FreePool("max", shape.size, shape.size, 0)
    call.emit(op, value.number, shape=Shape(shape.channels, 1), axes=axes)


def reduced(call: Call, value: Tracked, dim: Any, keep: bool) -> tuple[list[bool], Axes]:
    """Which axes a reduction removes, and the axes of its result."""
    dims = [dim] if isinstance(dim, int) else list(dim or range(len(value.axes)))
    over = [i in {int(d) % len(value.axes) for d in dims} for i in range(len(value.axes))]
    axes = tuple(() if gone else axis for axis, gone in zip(value.axes, over, strict=True) if keep or not gone)
    return over, axes
