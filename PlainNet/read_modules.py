"""Modules and functions of the operations in `read_ops.py`, and whole networks from op graphs. Imports torch.

`graph_module` builds a network from any op graph. With the weights of the network that the graph was read from, it
computes the same, which is how reading is tested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from PlainNet import ops, read_ops
from PlainNet.modules import add_nested, op_function, op_module
from PlainNet.ops import BN_EPS, OpGraph, UnknownOperationError
from PlainNet.sizes import sides


class PerChannel(nn.Module):
    """A weight for each channel, or one for all: multiplied with an image or flat value, or added to it."""

    def __init__(self, count: int, added: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((count,), 0.0 if added else 1.0))
        self.added = added

    def forward(self, x: Tensor) -> Tensor:
        """Return the values with the weights of their channels applied."""
        weight = along_channels(self.weight, x)
        return x + weight if self.added else x * weight


class ChannelLayerNorm(nn.Module):
    """`read_ops.LayerNorm` on (N, C, H, W) or (N, C)."""

    def __init__(self, op: read_ops.LayerNorm) -> None:
        super().__init__()
        self.eps, self.kind = op.eps, op.kind
        self.weight = nn.Parameter(torch.ones(op.channels)) if op.scale else None
        self.bias = nn.Parameter(torch.zeros(op.channels)) if op.shift else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the values normalised over the channels of each position."""
        mean = x.mean(1, keepdim=True)
        centred = x - mean
        spread = x.square().mean(1, keepdim=True) if self.kind == "root" else centred.square().mean(1, keepdim=True)
        if self.kind == "deviation":  # timm takes the unbiased variance
            spread = spread * (x.shape[1] / (x.shape[1] - 1))
        x = (centred if self.kind == "layer" else x) * torch.rsqrt(spread + self.eps)
        x = x if self.weight is None else x * along_channels(self.weight, x)
        return x if self.bias is None else x + along_channels(self.bias, x)


class ImageGroupNorm(nn.Module):
    """`read_ops.GroupNorm`."""

    def __init__(self, op: read_ops.GroupNorm) -> None:
        super().__init__()
        self.groups, self.eps = op.groups, op.eps
        self.weight = nn.Parameter(torch.ones(op.channels)) if op.scale else None
        self.bias = nn.Parameter(torch.zeros(op.channels)) if op.shift else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the values normalised over groups of channels."""
        return F.group_norm(x, self.groups, self.weight, self.bias, self.eps)


class GlobalResponse(nn.Module):
    """`read_ops.ResponseNorm`: x + shift + scale * x * |x| / mean of |x|, with the norm of each channel's map."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return the values normalised by the response of their channel."""
        norm = x.norm(p=2, dim=(2, 3), keepdim=True)
        share = norm / (norm.mean(1, keepdim=True) + self.eps)
        found: Tensor = x + along_channels(self.bias, x) + along_channels(self.weight, x) * x * share
        return found


class AlongChannels(nn.Module):
    """`read_ops.ChannelConv` on (N, C)."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1, 1, kernel), 1 / kernel))

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution along the channels."""
        found = F.conv1d(x.flatten(1).unsqueeze(1), self.weight, padding=self.weight.shape[-1] // 2)
        result: Tensor = found.view_as(x)
        return result


def read_module(op: ops.Op, bn_eps: float = BN_EPS) -> nn.Module | None:
    """Return the module with the weights of any operation, or None if it has no weights.

    Raises UnknownOperationError for convolutions whose weights are not parameters.
    """
    match op:
        case read_ops.FreeConv():
            if op.weights != "learned":
                raise UnknownOperationError(op, f"read_module, for {op.weights} weights,")
            return nn.Conv2d(
                op.in_channels, op.out_channels, op.kernel, op.stride, op.padding, op.dilation, op.groups, op.bias
            )
        case read_ops.ChannelConv():
            return AlongChannels(op.kernel)
        case read_ops.PRelu():
            return nn.PReLU(op.slopes)
        case read_ops.LayerNorm():
            return ChannelLayerNorm(op)
        case read_ops.GroupNorm():
            return ImageGroupNorm(op)
        case read_ops.ResponseNorm():
            return GlobalResponse(op.channels)
        case read_ops.Scale():
            return PerChannel(op.factors, added=False)
        case read_ops.Offset():
            return PerChannel(op.terms, added=True)
        case _:
            return op_module(op, bn_eps)


def read_function(op: ops.Op) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return the torch function of any operation without weights, and the arguments that follow its tensors.

    Raises UnknownOperationError for an operation that is not handled here.
    """
    match op:
        case read_ops.Activation():
            return activation(op)
        case read_ops.FreePool():
            if op.kind == "max":
                return F.max_pool2d, (sides(op.kernel), sides(op.stride), op.padding, 1, op.ceil)
            return F.avg_pool2d, (sides(op.kernel), sides(op.stride), op.padding, op.ceil, op.counted)
        case read_ops.Rescale():
            return rescaled, (op.factor, op.term)
        case read_ops.Sub():
            return torch.sub, ()
        case read_ops.Slice():
            return torch.narrow, (1, op.start, op.channels)
        case read_ops.ChannelShuffle():
            return F.channel_shuffle, (op.groups,)
        case read_ops.Pad():
            added = [op.before, op.after] * 2
            return F.pad, (added, op.mode, op.value if op.mode == "constant" else None)
        case read_ops.Upsample():
            return F.interpolate, (sides(op.size), None, op.mode)
        case read_ops.SpaceToDepth():
            return squares_to_channels, (op.block,)
        case read_ops.Unflatten():
            return torch.unflatten, (1, (-1, 1, 1))
        case _:
            return op_function(op)


_FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "hardswish": (F.hardswish, ()),
    "hardsigmoid": (F.hardsigmoid, ()),
    "gelu": (F.gelu, ()),
    "mish": (F.mish, ()),
    "tanh": (torch.tanh, ()),
    "softplus": (F.softplus, ()),
    "square": (torch.square, ()),
    "sqrt": (torch.sqrt, ()),
    "exp": (torch.exp, ()),
    "erf": (torch.erf, ()),
    "abs": (torch.abs, ()),
    "leaky_relu": (F.leaky_relu, ()),
    "elu": (F.elu, ()),
    "clip": (torch.clamp, ()),
}


def activation(op: read_ops.Activation) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return the torch function of an activation, and the arguments that follow its tensor."""
    if op.function == "softmax":
        return softmax_of_digit, op.parameters
    if op.function == "gelu_tanh":
        return gelu_by_tanh, ()
    function, more = _FUNCTIONS[op.function]
    return function, (*more, *op.parameters)


def gelu_by_tanh(x: Tensor) -> Tensor:
    """Return GELU, approximated by tanh."""
    return F.gelu(x, approximate="tanh")


def softmax_of_digit(x: Tensor, stride: float, size: float) -> Tensor:
    """Return the softmax over channels that are `stride` apart, `size` of them at a time."""
    apart, many = int(stride), int(size)
    parted: Tensor = x.unflatten(1, (-1, many, apart))
    return parted.softmax(2).reshape(x.shape)


def rescaled(x: Tensor, factor: float | tuple[float, ...], term: float | tuple[float, ...]) -> Tensor:
    """Return x * factor + term, with one number for all channels or one for each."""
    for number, apply in ((factor, torch.mul), (term, torch.add)):
        x = apply(x, along_channels(torch.tensor(number, device=x.device), x) if isinstance(number, tuple) else number)
    return x


def squares_to_channels(x: Tensor, block: int) -> Tensor:
    """Return squares of positions as channels: row and column of the square first, then the channel."""
    n, channels, height, width = x.shape
    x = x.view(n, channels, height // block, block, width // block, block).permute(0, 3, 5, 1, 2, 4)
    return x.reshape(n, channels * block * block, height // block, width // block)


def along_channels(weight: Tensor, x: Tensor) -> Tensor:
    """Return a vector in the shape in which it is applied to the channels of (N, C, H, W) or (N, C)."""
    return weight.view(-1, *(1,) * (x.dim() - 2))


def graph_module(graph: OpGraph, bn_eps: float = BN_EPS) -> fx.GraphModule:
    """Return the network of an op graph, with fresh weights, named after the paths of their nodes.

    A path that occurs several times is one layer. Raises UnknownOperationError for operations that cannot be built.
    """
    traced = fx.Graph()
    values = {0: traced.placeholder("x")}
    root = nn.Module()
    made: set[str] = set()
    for number, node in enumerate(graph.nodes, start=1):
        inputs = tuple(values[i] for i in node.inputs)
        module = read_module(node.op, bn_eps)
        if module is not None:
            if node.path not in made:
                made.add(node.path)
                add_nested(root, node.path, module)
            values[number] = traced.call_module(node.path, inputs)
        elif isinstance(node.op, ops.Concat):
            values[number] = traced.call_function(torch.cat, (inputs, 1))
        else:
            function, constants = read_function(node.op)
            values[number] = traced.call_function(function, inputs + constants)
    traced.output(values[graph.output])
    return fx.GraphModule(root, traced, class_name="Network")
