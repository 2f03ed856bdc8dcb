"""Gradients of single weights for each image, with only one backward pass per logit. Imports torch.

Without batch-norms, the images of a batch do not influence each other. For each image n, a variable e[n] is added to
the weight. As a layer's output is linear in the weight, this adds e[n] times the factor of the weight to the output.
The gradient by e then has one entry per image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ZeroShotProxy.engine.isolated import ProbeError, WithoutBatchNorm
from ZeroShotProxy.engine.probe import Probe, or_zero

_BatchNorm = nn.modules.batchnorm._BatchNorm


def first_weights_jacobian(probe: Probe, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits (N, C) of images `x`, and their gradients (N, C, P) by the first element of P tensors.

    The tensors are the parameters of convolutions, linear layers and batch-norms; batch-norms return their input
    unchanged. Raises ProbeError if a convolution does not pad with a number of zeros.
    """
    shifts: list[Tensor] = []
    layers = [m for m in probe.network.module.modules() if isinstance(m, (nn.Conv2d, nn.Linear, _BatchNorm))]
    handles = [layer.register_forward_hook(_hook(shifts)) for layer in layers]
    try:
        with WithoutBatchNorm(), torch.enable_grad():
            logits = probe.network(x)
    finally:
        for handle in handles:
            handle.remove()
    rows = []
    for c in range(logits.shape[1]):
        found = torch.autograd.grad(logits[:, c].sum(), shifts, retain_graph=c + 1 < logits.shape[1], allow_unused=True)
        rows.append(torch.stack(or_zero(found, shifts), 1))
    return logits.detach(), torch.stack(rows, 1)


def _hook(shifts: list[Tensor]) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        (x,) = args
        channels = -1 if isinstance(module, nn.Linear) else 1
        first = output.narrow(channels, 0, 1)
        for multiplied in _multiplied(module, x.detach().narrow(channels, 0, 1), output.detach(), first):
            e = output.new_zeros(len(output), requires_grad=True)
            shifts.append(e)
            first = first + e.view(-1, *(1,) * (output.dim() - 1)) * multiplied
        return torch.cat([first, output.narrow(channels, 1, output.shape[channels] - 1)], channels)

    return hook


def _multiplied(module: nn.Module, x: Tensor, output: Tensor, first: Tensor) -> list[Tensor]:
    """The factors of the first weight and of the first bias (if they exist) in the first channel of the output.

    x: the first channel of the input. first: the first channel of the output.
    """
    if isinstance(module, nn.Conv2d):
        x = _corner(module, x, output)
    has_bias = module.bias is not None
    has_weight = module.weight is not None
    return has_weight * [x] + has_bias * [torch.ones_like(first)]


def _corner(conv: nn.Conv2d, x: Tensor, output: Tensor) -> Tensor:
    """The pixels of x (N, 1, H, W) that the first element of the kernel multiplies, for each output position."""
    if isinstance(conv.padding, str) or conv.padding_mode != "zeros":
        raise ProbeError("a convolution does not have numeric zero padding")
    rows, columns = conv.padding
    height, width = output.shape[2:]
    padded = nn.functional.pad(x, (columns, columns, rows, rows))
    return padded[:, :, :: conv.stride[0], :: conv.stride[1]][:, :, :height, :width]
