"""Layers with weights: convolutions, linear layers and normalisations. Imports torch."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from latency.reading.layout import whole
from latency.reading.recorder import Call, reads
from PlainNet.ops import FLAT, BatchNorm, Conv, Linear, Op, Shape
from PlainNet.read_ops import ChannelConv, FreeConv, GroupNorm, LayerNorm, PRelu
from PlainNet.sizes import area


@reads("conv2d")
def convolution(call: Call) -> None:
    """Read a 2-D convolution: `Conv` if that describes it, otherwise `FreeConv`."""
    x, weight, bias, stride, padding, dilation, groups = call.arguments(
        ("input", "weight", "bias", "stride", "padding", "dilation", "groups"), None, 1, 0, 1, 1
    )
    if call.tracked(weight) is not None:
        raise call.refuse("a convolution whose weights depend on the image")
    number = call.image(call.value(x))
    size = call.size()
    steps, gap = call.square(stride, "a stride"), call.square(dilation, "a dilation")
    filters, window = int(weight.shape[0]), (int(weight.shape[2]), int(weight.shape[3]))
    border = _padding(call, padding, window, gap)
    channels, kind, gain, path = call.shape(number).channels, *_weights(call, weight)
    plain = Conv(channels, filters, window[0], steps, groups, bias is not None, gap)
    op: Op = plain
    if (*window, *border) != (plain.kernel, plain.kernel, plain.padding, plain.padding) or kind != "learned":
        op = FreeConv(channels, filters, window, border, steps, groups, bias is not None, gap, kind, gain)
    call.emit(op, number, shape=Shape(filters, size), path=path)


def _padding(call: Call, padding: Any, window: tuple[int, int], gap: int) -> tuple[int, int]:
    if padding == "same":
        spans = [gap * (taps - 1) for taps in window]
        if any(span % 2 for span in spans):
            raise call.refuse("a padding with one more pixel on one side")
        return spans[0] // 2, spans[1] // 2
    if padding == "valid":
        return 0, 0
    rows, columns = padding if isinstance(padding, (list, tuple)) else (padding, padding)
    return int(rows), int(columns)


def _weights(call: Call, weight: Tensor) -> tuple[Literal["learned", "fixed", "standardised"], bool, str]:
    """What the weights are, whether they have a gain, and the path of their module."""
    recorder = call.recorder
    path, own = call.owner(weight)
    part = recorder.parts[path]
    if isinstance(weight, nn.Parameter):
        return "learned", False, path
    named = {name for name, _ in part.named_parameters(recurse=False)}
    if own and own not in named:
        return "fixed", False, path
    if isinstance(part, nn.Conv2d) and named <= {"weight", "bias", "gain"}:
        return "standardised", "gain" in named, path
    raise call.refuse("a convolution whose weights are computed")


@reads("conv1d")
def channel_convolution(call: Call) -> None:
    """Read a 1-D convolution along the channels of pooled features."""
    x, weight, bias, stride, padding, dilation, groups = call.arguments(
        ("input", "weight", "bias", "stride", "padding", "dilation", "groups"), None, 1, 0, 1, 1
    )
    value = call.value(x)
    shape = call.shape(value.number)
    taps = int(weight.shape[-1])
    along = (call.recorder.plain(value.number)[0], (), whole("c", shape.channels))
    numbers = (call.square(stride), call.square(dilation), int(groups), call.square(padding))
    if (
        value.axes != along
        or area(shape.size) > 1
        or bias is not None
        or numbers != (1, 1, 1, taps // 2)
        or not taps % 2
    ):
        raise call.refuse("a 1-D convolution of anything but pooled channels")
    call.emit(ChannelConv(taps), value.number, path=call.owner(weight)[0], axes=value.axes)


@reads("linear")
def linear(call: Call) -> None:
    """Read a linear layer: on flat features, or on the channels of each position, which is a 1×1 convolution."""
    x, weight, bias = call.arguments(("input", "weight", "bias"), None)
    value, path = call.value(x), call.owner(weight)[0]
    filters, features = (int(length) for length in weight.shape)
    number = call.recorder.flat(value)
    if number is not None:
        call.emit(Linear(features, filters, bias is not None), number, shape=Shape(filters, FLAT), path=path)
        return
    shape = call.shape(value.number)
    if value.axes[-1] != whole("c", shape.channels) or shape.size == FLAT:
        raise call.refuse("a linear layer over anything but the channels")
    axes = (*value.axes[:-1], whole("c", filters))
    made = Shape(filters, shape.size)
    call.emit(Conv(features, filters, 1, bias=bias is not None), value.number, shape=made, path=path, axes=axes)


@reads("batch_norm")
def batch_norm(call: Call) -> None:
    """Read batch normalisation by running statistics."""
    x, mean, _, weight, _, training = call.arguments(
        ("input", "running_mean", "running_var", "weight", "bias", "training"), None, None, False
    )
    value = call.value(x)
    if training or mean is None:
        raise call.refuse("batch normalisation by the statistics of the batch")
    if len(value.axes) < 2 or value.axes[1] != whole("c", call.shape(value.number).channels):
        raise call.refuse("batch normalisation of anything but the channels")
    number = call.recorder.position(value)
    path = call.owner(mean if weight is None else weight)[0]
    call.emit(BatchNorm(call.shape(number).channels, weight is not None), number, path=path, axes=value.axes)


@reads("layer_norm", "rms_norm")
def layer_norm(call: Call) -> None:
    """Read normalisation over the channels of each position."""
    root = call.name == "rms_norm"
    if root:
        (x, over, weight, eps), bias = call.arguments(("input", "normalized_shape", "weight", "eps"), None, None), None
    else:
        x, over, weight, bias, eps = call.arguments(
            ("input", "normalized_shape", "weight", "bias", "eps"), None, None, 1e-5
        )
    value = call.value(x)
    shape = call.shape(value.number)
    if tuple(over) != (shape.channels,) or value.axes[-1] != whole("c", shape.channels):
        raise call.refuse("normalisation over anything but the channels")
    path = call.owner(weight)[0]
    op = LayerNorm(shape.channels, weight is not None, bias is not None, eps or 1e-6, "root" if root else "layer")
    call.emit(op, value.number, path=path, axes=value.axes)


@reads("group_norm")
def group_norm(call: Call) -> None:
    """Read group normalisation."""
    x, groups, weight, bias, eps = call.arguments(("input", "num_groups", "weight", "bias", "eps"), None, None, 1e-5)
    number = call.image(call.value(x))
    op = GroupNorm(call.shape(number).channels, groups, weight is not None, bias is not None, eps)
    call.emit(op, number, path=call.owner(weight)[0])


@reads("prelu")
def prelu(call: Call) -> None:
    """Read a rectifier with learned slopes."""
    x, weight = call.arguments(("input", "weight"))
    value = call.value(x)
    call.emit(PRelu(int(weight.numel())), value.number, path=call.owner(weight)[0], axes=value.axes)
