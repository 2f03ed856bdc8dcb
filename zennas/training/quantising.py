"""Quantisation-aware training: in some epochs, weights and activations are rounded as an INT8 file rounds them.

Gradients pass the rounding unchanged (straight-through). Weights of convolutions have a scale for each output channel,
so that a batch-norm which the file folds into them does not matter; those of the classifier have one. Activations are
rounded where the operators of a LiteRT file end, between the smallest and the largest value of the batch, zero
included. Nothing is rounded in tests, and nothing is added to what is stored. Imports torch.

Sources: Jacob et al., Quantization and Training of Neural Networks, CVPR 2018; Bengio et al., arXiv:1308.3432.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from PlainNet.deployed.deploy import DeployError, deploy
from PlainNet.masternet import MasterNet
from zennas.training.insertion import graph_of, insert, places
from zennas.training.recipe import Recipe, TrainingError

STEPS, MOST = 255, 127
"""Steps of activations, and the largest weight, as in `latency/litert/quantisation.py`."""
_LEAST = 1e-8
"""Of a scale, so that what is all zero stays zero."""


class Rounding:
    """Whether the network rounds, which all parts of it share."""

    def __init__(self) -> None:
        self.on = False

    def begin(self, recipe: Recipe, epoch: int, share: float = 0.0) -> None:
        """Round in the last epochs only. epoch: counts from 0. share: of the training that is over by its time."""
        before = recipe.epochs - recipe.quantise_aware
        self.on = epoch >= before or share * recipe.epochs >= before


def rounded_values(x: Tensor) -> Tensor:
    """Return activations as INT8 stores them, asymmetric, with the gradient of `x`."""
    with torch.no_grad():
        low, high = x.min().clamp(max=0), x.max().clamp(min=0)
        scale = ((high - low) / STEPS).clamp(min=_LEAST)
        least = torch.round(low / scale)
        stored = torch.clamp(torch.round(x / scale), least, least + STEPS) * scale
    return x + (stored - x).detach()


def rounded_weights(weight: Tensor, per_channel: bool) -> Tensor:
    """Return weights (out, …) as INT8 stores them, symmetric, with the gradient of `weight`."""
    with torch.no_grad():
        flat = weight.abs().flatten(1)
        limits = flat.amax(1) if per_channel else flat.max().expand(len(weight))
        scale = (limits / MOST).clamp(min=_LEAST).view(-1, *[1] * (weight.dim() - 1))
        stored = torch.round(weight / scale) * scale
    return weight + (stored - weight).detach()


class Rounded(nn.Module):
    """Rounds a value in training."""

    def __init__(self, rounding: Rounding) -> None:
        super().__init__()
        self._rounding = rounding

    def forward(self, x: Tensor) -> Tensor:
        return rounded_values(x) if self.training and self._rounding.on else x


def with_rounding(network: MasterNet) -> Rounding:
    """Make a network round in training, and return what switches it.

    Raises TrainingError if the network has no form in an INT8 file.
    """
    rounding = Rounding()
    graph = graph_of(network)
    try:
        deployed = deploy(graph)
    except DeployError as error:
        raise TrainingError(f"{error}; set quantise-aware to 0") from None
    where = places(network, graph)
    for number in dict.fromkeys(operator.value for operator in deployed.operators):
        if number in where:
            insert(where[number], f"rounded_{number}", Rounded(rounding))
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            # Modules of other classes would have other names in checkpoints, or be others than their blocks expect.
            module.forward = partial(_rounding_forward, module, rounding)  # type: ignore[method-assign]
    ends = Rounded(rounding)
    for first in (network.blocks[0], network.fc_linear):
        first.register_forward_pre_hook(lambda module, inputs: _ends(ends, module, inputs))
    network.fc_linear.register_forward_hook(lambda module, inputs, logits: ends.train(module.training)(logits))
    return rounding


def _ends(rounded: Rounded, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Round the image, or the features of the classifier, in training."""
    return tuple(map(rounded.train(module.training), inputs))


def _rounding_forward(module: Any, rounding: Rounding, x: Tensor) -> Tensor:
    weight = module.weight
    convolution = isinstance(module, nn.Conv2d)
    if module.training and rounding.on:
        weight = rounded_weights(weight, per_channel=convolution)
    if convolution:
        found: Tensor = module._conv_forward(x, weight, module.bias)
        return found
    return nn.functional.linear(x, weight, module.bias)
