"""Quantisation-aware training: in some epochs, weights and activations are rounded as an INT8 file rounds them.

Gradients pass the rounding unchanged (straight-through). Weights of convolutions have a scale for each output channel,
so that a batch-norm which the file folds into them does not matter; or one scale as they are folded, for compilers that
take nothing else. Those of the classifier have one. Activations are rounded where the operators of a LiteRT file end,
between the smallest and the largest value of recent batches, zero included, as a file is calibrated by the extremes of
many images. Batch-norms keep their statistics, as the file has them: those of a batch would have no spread where all
weights of a channel are rounded to zero, and gradients without bound. A network that is rounded from its first step on
keeps them in the second half, and ranges always stay as they are then. Nothing is rounded in tests, and nothing is
added to what is stored. Imports torch.

Sources: Jacob et al., Quantization and Training of Neural Networks, CVPR 2018; Krishnamoorthi, arXiv:1806.08342;
Bengio et al., arXiv:1308.3432.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from PlainNet.deployed.deploy import DeployError, deploy
from PlainNet.deployed.operators import Weights
from PlainNet.masternet import MasterNet
from PlainNet.ops import OpGraph
from zennas.training.insertion import graph_of, insert, places
from zennas.training.recipe import Recipe, TrainingError

STEPS, MOST = 255, 127
"""Steps of activations, and the largest weight, as in `latency/litert/quantisation.py`."""
FORGOTTEN = 0.01
"""How far a range shrinks towards that of a batch that is narrower; it widens at once."""
_LEAST = 1e-8
"""Of a scale, so that what is all zero stays zero."""


class Rounding:
    """Whether the network rounds, and the ranges of its values, which all parts of it share.

    trained: whether the network was trained before, so that its batch-norms have statistics to keep. ranges: the
    smallest and the largest value, (2,), by name. A training that is resumed goes on with them.
    """

    def __init__(self, network: MasterNet, trained: bool) -> None:
        self.on = self.settled = False
        self._trained = trained
        self.per_channel = True
        self.ranges: dict[str, Tensor] = {}
        self._network = network

    def begin(self, recipe: Recipe, passed: float) -> None:
        """Round in the last epochs only. passed: epochs that are over, in parts of one."""
        self.on = passed >= recipe.epochs - recipe.quantise_aware
        self.settled = passed >= recipe.epochs - recipe.quantise_aware / 2
        self.per_channel = recipe.quantise_weights == "per-channel"
        if self.settled or (self.on and self._trained):
            for module in self._network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()  # until the next epoch begins

    @torch.no_grad()
    def range_of(self, name: str, x: Tensor) -> Tensor:
        """Return the range of a value, (2,), after this batch of it."""
        known = self.ranges.get(name)
        if known is not None and self.settled:
            return known.to(x.device)
        found = torch.stack([x.min().clamp(max=0), x.max().clamp(min=0)]).float()
        if known is not None:
            less = torch.lerp(known.to(x.device), found, FORGOTTEN)
            found = torch.stack([torch.minimum(found[0], less[0]), torch.maximum(found[1], less[1])])
        self.ranges[name] = found
        return found


class Folded(NamedTuple):
    """A batch-norm that a file folds into a layer. first: the channel of the norm that is the layer's first one."""

    block: nn.Module
    path: str
    first: int

    def factors(self, channels: int) -> Tensor:
        """Return what the norm multiplies the layer's channels by, (channels,)."""
        norm: Any = self.block.get_submodule(self.path)
        own = slice(self.first, self.first + channels)
        found = torch.rsqrt(norm.running_var[own] + norm.eps)
        return found if norm.weight is None else torch.mul(found, norm.weight[own])


def rounded_values(x: Tensor, limits: Tensor) -> Tensor:
    """Return activations as INT8 stores them, asymmetric, with the gradient of `x` where they are not cut off.

    limits: the smallest and the largest value, (2,), zero included.
    """
    with torch.no_grad():
        low, high = limits.to(x.dtype).unbind()
        scale = ((high - low) / STEPS).clamp(min=_LEAST)
        least = torch.round(low / scale)
        stored = torch.clamp(torch.round(x / scale), least, least + STEPS) * scale
        inside = (x >= low) & (x <= high)
    return torch.where(inside, x, x.detach()) + (stored - x).detach()


def rounded_weights(weight: Tensor, per_channel: bool, factors: Tensor | None = None) -> Tensor:
    """Return weights (out, …) as INT8 stores them, symmetric, with the gradient of `weight`.

    factors: that the file multiplies the output channels by, (out,), before it stores them; they do not matter to
    scales for each channel.
    """
    with torch.no_grad():
        limits = weight.abs().flatten(1).amax(1)
        if not per_channel:
            own = torch.ones_like(limits) if factors is None else factors.abs().to(limits.dtype)
            limits = (limits * own).max() / own.clamp(min=_LEAST)
        scale = (limits / MOST).clamp(min=_LEAST).view(-1, *[1] * (weight.dim() - 1))
        stored = torch.round(weight / scale) * scale
    return weight + (stored - weight).detach()


class Rounded(nn.Module):
    """Rounds a value in training."""

    def __init__(self, rounding: Rounding, name: str) -> None:
        super().__init__()
        self._rounding, self._name = rounding, name

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and self._rounding.on):
            return x
        return rounded_values(x, self._rounding.range_of(self._name, x))


def with_rounding(network: MasterNet, trained: bool = True) -> Rounding:
    """Make a network round in training, and return what switches it. trained: whether it was trained before it rounds.

    Raises TrainingError if the network has no form in an INT8 file.
    """
    rounding = Rounding(network, trained)
    graph = graph_of(network)
    try:
        deployed = deploy(graph)
    except DeployError as error:
        raise TrainingError(f"{error}; set quantise-aware to 0") from None
    where = places(network, graph)
    for number in dict.fromkeys(operator.value for operator in deployed.operators):
        if number in where:
            insert(where[number], f"rounded_{number}", Rounded(rounding, f"value {number}"))
    norms: dict[nn.Module, list[Folded]] = {}
    for operator in deployed.operators:
        source = getattr(operator.kind, "weights", None)
        if isinstance(source, Weights) and source.layer is not None and source.norms:
            norms[_layer(network, graph, source)] = [
                Folded(*_place(network, graph, number), first) for number, first in source.norms
            ]
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            # Modules of other classes would have other names in checkpoints, or be others than their blocks expect.
            module.forward = partial(_rounding_forward, module, rounding, tuple(norms.get(module, ())))  # type: ignore[method-assign]
    for first, name in ((network.blocks[0], "images"), (network.fc_linear, "features")):
        first.register_forward_pre_hook(partial(_ends, Rounded(rounding, name)))
    ends = Rounded(rounding, "logits")
    network.fc_linear.register_forward_hook(lambda module, inputs, logits: ends.train(module.training)(logits))
    return rounding


def _place(network: MasterNet, graph: OpGraph, number: int) -> tuple[nn.Module, str]:
    """The module of a block, and the path in it of what makes a value of the op graph."""
    block, _, path = graph.nodes[number - 1].path.partition(".")
    return network.blocks[int(block)], path or "op"


def _layer(network: MasterNet, graph: OpGraph, source: Weights) -> nn.Module:
    """The convolution whose weights an operator has, behind which norms are."""
    assert source.layer is not None
    block, path = _place(network, graph, source.layer)
    module = block.get_submodule(path)
    return module if source.factor is None else module[source.factor]  # type: ignore[index]


def _ends(rounded: Rounded, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Round the image, or the features of the classifier, in training."""
    return tuple(map(rounded.train(module.training), inputs))


def _rounding_forward(module: Any, rounding: Rounding, norms: Sequence[Folded], x: Tensor) -> Tensor:
    weight = module.weight
    convolution = isinstance(module, nn.Conv2d)
    if module.training and rounding.on:
        factors = None
        if convolution and not rounding.per_channel:
            factors = torch.ones(len(weight), device=weight.device)
            with torch.no_grad():
                for norm in norms:
                    factors = factors * norm.factors(len(weight))
        weight = rounded_weights(weight, convolution and rounding.per_channel, factors)
    if convolution:
        found: Tensor = module._conv_forward(x, weight, module.bias)
        return found
    return nn.functional.linear(x, weight, module.bias)
