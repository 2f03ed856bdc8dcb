"""Gradients of single weights, image by image, in as many backward passes as there are logits. Imports torch.

With batch-norms left out the images of a batch do not see each other. A number e[n] that belongs to image n alone is
added to the weight in question: the layer's output is linear in the weight, so e[n] times what the weight multiplies
is added to the output, and the gradient by e has one entry an image.
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
    """Logits (N, C) of images `x`, and their gradients (N, C, P) by the first element of each of the P parameter
    tensors of convolutions, linear layers and batch-norms, which pass their input on."""
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
    """What the first weight, and the first bias where there is one, are multiplied by in the output's first channel.

    x: the first channel of the input; first: that of the output.
    """
    if isinstance(module, nn.Conv2d):
        x = _corner(module, x, output)
    has_bias = module.bias is not None
    has_weight = module.weight is not None
    return has_weight * [x] + has_bias * [torch.ones_like(first)]


def _corner(conv: nn.Conv2d, x: Tensor, output: Tensor) -> Tensor:
    """The pixels of x (N, 1, H, W) that the kernel's first element meets at each position of the output."""
    if isinstance(conv.padding, str) or conv.padding_mode != "zeros":
        raise ProbeError("a convolution pads by name or not with zeros")
    rows, columns = conv.padding
    height, width = output.shape[2:]
    padded = nn.functional.pad(x, (columns, columns, rows, rows))
    return padded[:, :, :: conv.stride[0], :: conv.stride[1]][:, :, :height, :width]
