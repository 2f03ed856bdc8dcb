"""Gradients of single weights for each image, with only one backward pass per logit. Imports torch.

Without batch-norms, the images of a batch do not influence each other. For each image n, a variable e[n] is added to
the weight. As a layer's output is linear in the weight, this adds e[n] times the factor of the weight to the output.
The gradient by e then has one entry per image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ZeroShotProxy.engine.isolated import ProbeError
from ZeroShotProxy.engine.probe import Probe, or_zero


def first_weights_jacobian(probe: Probe, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits (N, C) of images `x`, and their gradients (N, C, P) by the first element of P tensors.

    The tensors are the weights and biases of convolutions, linear layers and batch-norms, in running order; batch-norms
    return their input unchanged. Raises ProbeError if a convolution pads by name.
    """
    with _Shifts() as recorder, torch.enable_grad():
        logits = probe.network(x)
    shifts = recorder.shifts
    rows = []
    for c in range(logits.shape[1]):
        found = torch.autograd.grad(logits[:, c].sum(), shifts, retain_graph=c + 1 < logits.shape[1], allow_unused=True)
        rows.append(torch.stack(or_zero(found, shifts), 1))
    return logits.detach(), torch.stack(rows, 1)


class _Shifts(TorchFunctionMode):
    """Adds a variable for each image to the first weight and the first bias of each layer; `shifts` has them (N,)."""

    def __init__(self) -> None:
        super().__init__()
        self.shifts: list[Tensor] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func not in (F.conv2d, F.linear, F.batch_norm):
            return func(*args, **kwargs)
        given = {**dict(zip(_ARGUMENTS[func], args, strict=False)), **kwargs}
        x = given["input"]
        output = x if func is F.batch_norm else func(*args, **kwargs)
        channels = -1 if func is F.linear else 1
        multiplied = x.detach().narrow(channels, 0, 1)
        if func is F.conv2d:
            multiplied = _corner(given, multiplied, output)
        first = output.narrow(channels, 0, 1)
        ones = torch.ones_like(first)
        for factor in [multiplied] * (given.get("weight") is not None) + [ones] * (given.get("bias") is not None):
            e = output.new_zeros(len(output), requires_grad=True)
            self.shifts.append(e)
            first = first + e.view(-1, *(1,) * (output.dim() - 1)) * factor
        return torch.cat([first, output.narrow(channels, 1, output.shape[channels] - 1)], channels)


_ARGUMENTS: dict[Callable[..., Any], tuple[str, ...]] = {
    F.conv2d: ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    F.linear: ("input", "weight", "bias"),
    F.batch_norm: ("input", "running_mean", "running_var", "weight", "bias"),
}


def _corner(convolution: Mapping[str, Any], x: Tensor, output: Tensor) -> Tensor:
    """The pixels of x (N, 1, H, W) that the first element of the kernel multiplies, for each output position.

    convolution: the arguments of `conv2d`.
    """
    padding, stride = convolution.get("padding", 0), convolution.get("stride", 1)
    if isinstance(padding, str):
        raise ProbeError(f"a convolution pads {padding!r}, expected numbers")
    rows, columns = padding if isinstance(padding, (tuple, list)) else (padding, padding)
    down, right = stride if isinstance(stride, (tuple, list)) else (stride, stride)
    height, width = output.shape[2:]
    padded = F.pad(x, (columns, columns, rows, rows))
    return padded[:, :, ::down, ::right][:, :, :height, :width]
