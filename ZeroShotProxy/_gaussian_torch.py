"""Running an op graph with fresh Gaussian weights, without building a module. Imports torch.

This is the engine of the Monte-Carlo Zen-score. Building a module costs as much as running it: its
default initialisation is thrown away, and autograd, running statistics and hooks are of no use here.
Instead weights are drawn when a convolution is reached and forgotten behind it, and activations are
normalised in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from PlainNet import ops
from PlainNet.modules import BN_EPS, op_function
from PlainNet.ops import OpGraph

MOMENTUM = 0.1


@dataclass(frozen=True)
class Passes:
    """The outputs of several passes over one network, and the mean running variance of each batch-norm, in order."""

    outputs: list[Tensor]
    mean_running_variances: Tensor


@torch.no_grad()
def run(graph: OpGraph, inputs: Sequence[Tensor], generator: torch.Generator) -> Passes:
    """Run `graph` on each of `inputs` with the same weights, drawn from N(0, 1); biases are 0.

    The inputs, of shape (N, C, H, W), decide device and precision. Batch-norms are in training mode, with
    scale 1 and shift 0, and their running variances start at 1 and see the passes in order, as in Zen-NAS.
    """
    values: dict[int, list[Tensor]] = {0: [x.contiguous(memory_format=torch.channels_last) for x in inputs]}
    last_use = {i: number for number, node in enumerate(graph.nodes, start=1) for i in node.inputs}
    last_use[0] = 0  # the caller's tensors: read, never written to
    running: list[Tensor] = []
    for number, node in enumerate(graph.nodes, start=1):
        given = [values[i] for i in node.inputs]
        dying = [i for i in set(node.inputs) if last_use[i] == number]
        match node.op:
            case ops.Conv() as conv:
                weight = _gaussian((conv.out_channels, conv.in_channels // conv.groups, conv.kernel, conv.kernel), given[0][0], generator)
                made = [F.conv2d(x, weight, None, conv.stride, conv.padding, 1, conv.groups) for x in given[0]]
            case ops.Linear() as linear:
                weight = _gaussian((linear.out_features, linear.in_features), given[0][0], generator)
                made = [F.linear(x, weight) for x in given[0]]
            case ops.BatchNorm():
                made, variance = _batch_norm(given[0], in_place=bool(dying))
                running.append(variance.mean())
            case ops.Relu() if dying:
                made = [x.relu_() for x in given[0]]
            case ops.Concat():
                made = [torch.cat(parts, dim=1) for parts in zip(*given, strict=True)]
            case other:
                function, constants = op_function(other)
                made = [function(*parts, *constants) for parts in zip(*given, strict=True)]
        values[number] = made
        for i in dying:
            del values[i]
    outputs = values[graph.output]
    return Passes(outputs, torch.stack(running) if running else outputs[0].new_empty(0, dtype=torch.float32))


def _gaussian(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    # Drawn in single precision whatever the passes run in, so that one seed means one set of weights.
    weight = torch.randn(shape, generator=generator, device=like.device).to(like.dtype)
    return weight.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else weight


def _batch_norm(passes: Sequence[Tensor], in_place: bool) -> tuple[list[Tensor], Tensor]:
    """Normalise each pass by its own batch; also the running variance after all of them."""
    channels = passes[0].shape[1]
    running_mean = passes[0].new_zeros(channels, dtype=torch.float32)
    running_variance = torch.ones_like(running_mean)
    made = []
    for x in passes:
        mean, variance = torch.batch_norm_update_stats(x, running_mean, running_variance, MOMENTUM)
        if x.dtype == torch.float32 and in_place:
            # Channels are the innermost dimension: three sweeps in place beat batch_norm's fresh output.
            x.permute(0, 2, 3, 1).sub_(mean).mul_(torch.rsqrt(variance + BN_EPS))
            made.append(x)
        else:
            made.append(F.batch_norm(x, mean, variance, training=False, eps=BN_EPS))
    return made, running_variance
