"""Rules for the initialisation of weights, which the definitions of proxies require. Imports torch.

A rule draws each tensor from a generator, in the order in which the layers run, and does not change the network. It
covers convolutions, linear layers and batch-norms; parameters of other modules keep their values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

Draw: TypeAlias = Callable[[nn.Module, Tensor, torch.Generator], Tensor]


def _normal(shape: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    # Always on the CPU in single precision, so that a seed gives the same weights on every device.
    return torch.randn(shape.shape, generator=generator) * deviation


def _kaiming(module: nn.Module, weight: Tensor, generator: torch.Generator, fan_out: bool) -> Tensor:
    """Draw from N(0, 2 / fan), the rule of He et al., ICCV 2015, for ReLU."""
    area = math.prod(weight.shape[2:])
    # As in torch, the fan of a grouped convolution does not take groups into account.
    fan = (weight.shape[0] if fan_out else weight.shape[1]) * area
    return _normal(weight, math.sqrt(2 / fan), generator)


def kaiming_fan_in(module: nn.Module, weight: Tensor, generator: torch.Generator) -> Tensor:
    """Draw from N(0, 2 / fan-in): Kaiming initialisation for ReLU (He et al., ICCV 2015)."""
    return _kaiming(module, weight, generator, fan_out=False)


def kaiming_fan_out(module: nn.Module, weight: Tensor, generator: torch.Generator) -> Tensor:
    """Draw from N(0, 2 / fan-out) for convolutions, and from N(0, 0.01²) for linear layers."""
    if isinstance(module, nn.Linear):
        return _normal(weight, 0.01, generator)
    return _kaiming(module, weight, generator, fan_out=True)


def gaussian(module: nn.Module, weight: Tensor, generator: torch.Generator) -> Tensor:
    """Draw from N(0, 1), as in Zen-NAS."""
    return _normal(weight, 1.0, generator)


RULES: dict[str, Draw] = {
    "kaiming_fan_in": kaiming_fan_in,
    "kaiming_fan_out": kaiming_fan_out,
    "gaussian": gaussian,
}


def drawn(network: nn.Module, rule: str, seed: int, order: Sequence[str] = ()) -> dict[str, Tensor]:
    """Return new values for the parameters of a network, by name: weights by `rule`, scales 1, biases and shifts 0.

    rule: a key of `RULES`. seed: the seed of all weights. order: names of parameters whose modules are drawn first, in
    this order; the others follow in the order in which they are registered.
    """
    generator = torch.Generator().manual_seed(seed)
    values: dict[str, Tensor] = {}
    place = {name: number for number, name in enumerate(order)}

    def when(named: tuple[str, nn.Module]) -> int:
        prefix, module = named
        names = (name for name, _ in module.named_parameters(prefix, recurse=False))
        return min((place[name] for name in names if name in place), default=len(place))

    for prefix, module in sorted(network.named_modules(), key=when):
        for name, parameter in module.named_parameters(prefix, recurse=False):
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                is_weight = parameter is module.weight
                fresh = RULES[rule](module, parameter, generator) if is_weight else torch.zeros_like(parameter)
                values[name] = fresh.to(parameter.dtype)
            elif isinstance(module, nn.modules.batchnorm._BatchNorm):
                values[name] = torch.full_like(parameter, 1.0 if parameter is module.weight else 0.0)
    return values
