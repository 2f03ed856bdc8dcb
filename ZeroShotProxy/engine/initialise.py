"""How weights are drawn: the rules that proxies are defined with, by name. Imports torch.

A rule draws each tensor from a generator, in the order of the network's modules, and does not write into the
network. Parameters of other modules than convolutions, linear layers and batch-norms are left as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn

Draw: TypeAlias = Callable[[nn.Module, Tensor, torch.Generator], Tensor]


def _normal(shape: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    # On the CPU and in single precision wherever the network is, so that one seed means one set of weights.
    return torch.randn(shape.shape, generator=generator) * deviation


def _kaiming(module: nn.Module, weight: Tensor, generator: torch.Generator, fan_out: bool) -> Tensor:
    """He et al., ICCV 2015, for ReLU: N(0, 2 / fan)."""
    area = math.prod(weight.shape[2:])
    # As in torch, the fan of a grouped convolution does not know of its groups.
    fan = (weight.shape[0] if fan_out else weight.shape[1]) * area
    return _normal(weight, math.sqrt(2 / fan), generator)


def kaiming_fan_in(module: nn.Module, weight: Tensor, generator: torch.Generator) -> Tensor:
    return _kaiming(module, weight, generator, fan_out=False)


def kaiming_fan_out(module: nn.Module, weight: Tensor, generator: torch.Generator) -> Tensor:
    """Kaiming normal by fan-out for convolutions, N(0, 0.01²) for linear layers."""
    if isinstance(module, nn.Linear):
        return _normal(weight, 0.01, generator)
    return _kaiming(module, weight, generator, fan_out=True)


def gaussian(module: nn.Module, weight: Tensor, generator: torch.Generator) -> Tensor:
    """N(0, 1), as in Zen-NAS."""
    return _normal(weight, 1.0, generator)


RULES: dict[str, Draw] = {
    "kaiming_fan_in": kaiming_fan_in,
    "kaiming_fan_out": kaiming_fan_out,
    "gaussian": gaussian,
}


def drawn(network: nn.Module, rule: str, seed: int) -> dict[str, Tensor]:
    """New values for parameters by name: weights by `rule`, batch-norm scales 1, biases and shifts 0."""
    generator = torch.Generator().manual_seed(seed)
    values: dict[str, Tensor] = {}
    for prefix, module in network.named_modules():
        for name, parameter in module.named_parameters(prefix, recurse=False):
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                is_weight = parameter is module.weight
                fresh = RULES[rule](module, parameter, generator) if is_weight else torch.zeros_like(parameter)
                values[name] = fresh.to(parameter.dtype)
            elif isinstance(module, nn.modules.batchnorm._BatchNorm):
                values[name] = torch.full_like(parameter, 1.0 if parameter is module.weight else 0.0)
    return values
