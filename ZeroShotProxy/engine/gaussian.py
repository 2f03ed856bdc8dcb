"""Running an op graph with fresh Gaussian weights, without building a module. Imports torch.

This is the engine of the Monte-Carlo Zen-score. Building a module would take as long as running it, its default
initialisation would be discarded, and autograd, running statistics and hooks are not needed. Instead, weights are drawn
when a convolution runs and freed afterwards, and activations are normalised in place. The statistics of a 1×1
convolution with few inputs and many pixels are computed from the second moments of its input, so that its large output
is written only once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from PlainNet import ops
from PlainNet.modules import op_function
from PlainNet.ops import BN_EPS, BN_MOMENTUM, OpGraph

EXACT_LAYERS = 6
"""The number of convolutions that always run in single precision. At the input, a perturbation of 1 % is only a few
rounding steps of bfloat16; after six layers its variance is ten times as large."""

PRODUCTS_PER_VALUE = 48
"""Roughly, the multiplications of a matrix product that take as long as reading and writing one value."""
FEW_PIXELS = 2048
"""With fewer, preparing the weights of a 1×1 convolution takes as long as using them."""

_VIEWS = (ops.Flatten, ops.Truncate)
"""Operations whose output may be a view of their input, which other operations may still read."""


@dataclass(frozen=True)
class Passes:
    """The results of several passes over one network.

    outputs: the output of each pass. mean_running_variances: the mean over channels of each batch-norm's running
    variance, in order.
    """

    outputs: list[Tensor]
    mean_running_variances: Tensor


@torch.no_grad()
def run(graph: OpGraph, inputs: Sequence[Tensor], generator: torch.Generator, dtype: torch.dtype) -> Passes:
    """Run `graph` on each of `inputs` with the same weights, drawn from N(0, 1). Biases are 0.

    inputs: tensors (N, C, H, W) in single precision, which are not changed.
    generator: the source of the weights.
    dtype: the precision after the first `EXACT_LAYERS` convolutions.

    Batch-norms are in training mode, with scale 1 and shift 0. As in Zen-NAS, their running variances start at 1 and
    are updated by the passes in order.
    """
    values: dict[int, list[Tensor]] = {0: [x.contiguous(memory_format=torch.channels_last) for x in inputs]}
    last_use = {i: number for number, node in enumerate(graph.nodes, start=1) for i in node.inputs}
    last_use[0] = 0  # the tensors of the caller must not change
    normalised = _normalised_by_input(graph)
    done: set[int] = set()  # the convolutions that are normalised already
    running: list[Tensor] = []
    layers = 0
    for number, node in enumerate(graph.nodes, start=1):
        given = [values[i] for i in node.inputs]
        dying = [i for i in set(node.inputs) if last_use[i] == number]
        writable = bool(dying) and not isinstance(graph.producer(node.inputs[0]), _VIEWS)
        match node.op:
            case ops.Conv() as conv:
                layers += 1
                xs = [x.to(dtype) for x in given[0]] if layers > EXACT_LAYERS else given[0]
                weight = _gaussian(
                    (conv.out_channels, conv.in_channels // conv.groups, conv.kernel, conv.kernel), xs[0], generator
                )
                if number in normalised and _saves_time(conv, _pixels(xs[0])):
                    made, variance = _conv_batch_norm(xs, weight)
                    running.append(variance.mean())
                    done.add(number)
                else:
                    made = _conv(xs, weight, conv)
            case ops.RowColumnConv() as pair:
                made = given[0]
                for factor in pair.factors:
                    layers += 1
                    xs = [x.to(dtype) for x in made] if layers > EXACT_LAYERS else made
                    weight = _gaussian((factor.out_channels, factor.in_channels, *factor.kernel), xs[0], generator)
                    made = [F.conv2d(x, _like(weight, x), None, factor.stride, factor.padding) for x in xs]
            case ops.Linear() as linear:
                weight = _gaussian((linear.out_features, linear.in_features), given[0][0], generator)
                made = [F.linear(x, weight.to(x.dtype)) for x in given[0]]
            case ops.BatchNorm() if node.inputs[0] in done:
                made = given[0]
            case ops.BatchNorm():
                made, variance = _batch_norm(given[0], in_place=writable)
                running.append(variance.mean())
            case ops.Relu() if writable:
                made = [x.relu_() for x in given[0]]
            case ops.Relu6() if writable:
                made = [x.clamp_(0, 6) for x in given[0]]
            case ops.Concat():
                made = [torch.cat(parts, dim=1) for parts in zip(*given, strict=True)]
            case other:
                function, constants = op_function(other)
                made = [function(*parts, *constants) for parts in zip(*given, strict=True)]
        values[number] = made
        for i in dying:
            del values[i]
    outputs = values[graph.output]
    return Passes(outputs, torch.stack(running) if running else torch.empty(0, device=outputs[0].device))


def _normalised_by_input(graph: OpGraph) -> set[int]:
    """The 1×1 convolutions that add channels and feed only a batch-norm, which is computed from their input."""
    readers: dict[int, list[ops.Op]] = {}
    for node in graph.nodes:
        for i in node.inputs:
            readers.setdefault(i, []).append(node.op)
    found = set()
    for number, node in enumerate(graph.nodes, start=1):
        conv = node.op
        if not isinstance(conv, ops.Conv) or (conv.kernel, conv.stride, conv.groups) != (1, 1, 1):
            continue
        reader = readers.get(number, [])
        if conv.in_channels < conv.out_channels and len(reader) == 1 and isinstance(reader[0], ops.BatchNorm):
            found.add(number)
    return found


def _gaussian(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    # Always in single precision, so that a seed gives the same weights in every precision.
    return torch.randn(shape, generator=generator, device=like.device)


def _like(weight: Tensor, x: Tensor) -> Tensor:
    return weight.to(x.dtype).contiguous(memory_format=torch.channels_last)


def _pixels(x: Tensor) -> int:
    return x.shape[0] * x.shape[2] * x.shape[3]


def _saves_time(conv: ops.Conv, pixels: int) -> bool:
    """Whether the second moments of the input of a 1×1 convolution cost less than to read and write its output again.

    They take (pixels + outputs) × inputs² multiplications, and spare pixels × outputs values.
    """
    return (pixels + conv.out_channels) * conv.in_channels**2 < PRODUCTS_PER_VALUE * pixels * conv.out_channels


def _conv(passes: Sequence[Tensor], weight: Tensor, conv: ops.Conv) -> list[Tensor]:
    x = passes[0]
    if (conv.kernel, conv.stride, conv.groups) == (1, 1, 1) and _pixels(x) < FEW_PIXELS:
        # A matrix product, for which weights are not reordered as they are for a convolution.
        matrix = weight[:, :, 0, 0].to(x.dtype)
        return [F.linear(x.permute(0, 2, 3, 1), matrix).permute(0, 3, 1, 2) for x in passes]
    weight = _like(weight, x)
    if weight.numel() > x.numel():  # reordering the weights takes longer than joining the passes: do it once
        joined = F.conv2d(torch.cat(list(passes)), weight, None, conv.stride, conv.padding, conv.dilation, conv.groups)
        return list(joined.chunk(len(passes)))
    return [F.conv2d(x, weight, None, conv.stride, conv.padding, conv.dilation, conv.groups) for x in passes]


def _batch_norm(passes: Sequence[Tensor], in_place: bool) -> tuple[list[Tensor], Tensor]:
    """Normalise each pass with its batch statistics. Returns the passes and the final running variance."""
    channels = passes[0].shape[1]
    running_mean = passes[0].new_zeros(channels, dtype=torch.float32)
    running_variance = torch.ones_like(running_mean)
    made = []
    for x in passes:
        mean, variance = torch.batch_norm_update_stats(x, running_mean, running_variance, BN_MOMENTUM)
        if x.dtype == torch.float32 and in_place:
            # Channels are innermost in memory, so this is faster than batch_norm, which allocates its output.
            x.permute(0, 2, 3, 1).sub_(mean).mul_(torch.rsqrt(variance + BN_EPS))
            made.append(x)
        else:
            made.append(F.batch_norm(x, mean, variance, training=False, eps=BN_EPS))
    return made, running_variance


def _conv_batch_norm(passes: Sequence[Tensor], weight: Tensor) -> tuple[list[Tensor], Tensor]:
    """Compute a 1×1 convolution and its batch-norm together. Returns the passes and the final running variance.

    An output channel w·x has mean w·m and variance w·C·w, with m and C the mean and covariance of the input's channels.
    """
    matrix = weight[:, :, 0, 0]
    running_variance = torch.ones(len(matrix), device=weight.device)
    made = []
    for x in passes:
        pixels = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]).float()
        count = len(pixels)
        mean = pixels.mean(0)
        covariance = pixels.T @ pixels / count - torch.outer(mean, mean)
        variance = ((matrix @ covariance) * matrix).sum(1)
        running_variance.lerp_(variance * (count / (count - 1)), BN_MOMENTUM)
        scale = torch.rsqrt(variance + BN_EPS)
        bias = -(matrix @ mean) * scale
        made.append(F.conv2d(x, _like(weight * scale.view(-1, 1, 1, 1), x), bias.to(x.dtype)))
    return made, running_variance
