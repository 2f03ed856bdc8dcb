"""MeCo: how independent the channels of feature maps are, for one random image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure

if TYPE_CHECKING:
    from ZeroShotProxy.engine.probe import Probe


def meco(probe: Probe) -> float:
    """Return the sum over feature maps of the smallest eigenvalue of the channels' Pearson correlations (C, C).

    The feature maps are those of all layers, modules or functions, for the first image of a batch of noise. A constant
    channel has correlation zero, even with itself. Raises ProxyError if the network has no feature maps.
    """
    import torch

    from ZeroShotProxy.engine.calls import layer_calls

    layers = [m for m in probe.network.module.modules() if next(m.children(), None) is None]
    with layer_calls(layers, copied=True) as calls, torch.no_grad():
        probe.network(probe.noise)
    maps = [call.value[0].flatten(1) for call in calls if call.value.dim() == 4]
    if not maps:
        raise ProxyError("the network has no feature maps")
    total = 0.0
    for found in maps:
        centred = found - found.mean(1, keepdim=True)
        lengths = centred.norm(dim=1, keepdim=True)
        unit = torch.where(lengths > 0, centred / lengths.clamp(min=1e-30), torch.zeros_like(centred))
        total += float(torch.linalg.eigvalsh(unit @ unit.T)[0])
    return total


register_measure(
    ProxyInfo(
        "meco",
        "smallest eigenvalue of the correlations between channels, summed over layers",
        source="Jiang et al., MeCo, NeurIPS 2023",
        needs="module",
        plain="how little the channels of each layer repeat each other, summed over layers",
    ),
    meco,
)
