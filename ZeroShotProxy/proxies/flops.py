"""FLOPs, parameters and activations as scores: the baselines for other proxies. Structures are scored without torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PlainNet import Cost, cost
from ZeroShotProxy.base import ArrayScore, ProxyInfo, Score, ScoreSettings, Target, register, structure_of

if TYPE_CHECKING:
    from PlainNet.arrays.blocks import Blocks
    from ZeroShotProxy.engine.probe import Probe


def _cost(target: Target, name: str, settings: ScoreSettings) -> Cost:
    structure = structure_of(target, name)
    return cost(
        structure,
        resolution=settings.resolution,
        num_classes=settings.num_classes,
        use_se=settings.use_se,
    )


def flops(target: Target, settings: ScoreSettings) -> Score:
    """Return the multiply–accumulates of a structure's convolution and linear layers for one image."""
    return Score(float(_cost(target, "flops", settings).flops))


def params(target: Target, settings: ScoreSettings) -> Score:
    """Return the number of parameters of a structure's network."""
    return Score(float(_cost(target, "params", settings).params))


def activations(target: Target, settings: ScoreSettings) -> Score:
    """Return the number of output elements of a structure's convolution and linear layers for one image."""
    return Score(float(_cost(target, "activations", settings).activations))


def _column(name: str) -> Callable[[Blocks, ScoreSettings], ArrayScore]:
    """The array form of the proxy that is the cost `name`."""
    return lambda blocks, settings: lambda placed, costs: getattr(costs, name).astype(float)


def measured_flops(probe: Probe) -> float:
    """Return the multiply–accumulates of a module's convolution and linear layers for one image, measured in a pass."""
    import math

    layers = list(probe.network.layers.values())
    # Each output element is a sum over the weights of one filter.
    return float(sum(count * math.prod(layers[layer].weight.shape[1:]) for layer, count in _output_elements(probe)))


def measured_activations(probe: Probe) -> float:
    """Return the output elements of a module's convolution and linear layers for one image, measured in a pass."""
    return float(sum(count for _, count in _output_elements(probe)))


def _output_elements(probe: Probe) -> list[tuple[int, int]]:
    """The layer and the number of output elements for one image, for each call of a layer."""
    import torch

    with probe.network.outputs(copied=False) as outputs, torch.no_grad():
        # Two images, as batch-norms in training mode need more than one value per channel.
        probe.network(probe.inputs[:2])
    return [(output.layer, output.value[0].numel()) for output in outputs]


def measured_params(probe: Probe) -> float:
    """Return the number of parameters of a module."""
    return float(sum(parameter.numel() for parameter in probe.network.module.parameters()))


register(
    ProxyInfo("flops", "multiply-accumulates for one image", source="baseline", needs="cost"),
    flops,
    measured_flops,
    _column("flops"),
)
register(
    ProxyInfo("params", "number of parameters", source="baseline", needs="cost"),
    params,
    measured_params,
    _column("params"),
)
register(
    ProxyInfo("activations", "output elements of conv and linear layers", source="baseline", needs="cost"),
    activations,
    measured_activations,
    _column("activations"),
)
