"""Fisher: an estimate of how removing each channel would change the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyInfo, register_measure

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe


def fisher(probe: Probe) -> list[Tensor]:
    """Return, for each layer, the Fisher information of the weight's channel, in the shape of the weight.

    In the sum, a channel therefore counts as often as it has weights.
    """
    return [
        found.view(-1, *(1,) * (weight.dim() - 1)).expand_as(weight)
        for found, weight in zip(probe.passes.fisher, probe.weights, strict=True)
    ]


register_measure(
    ProxyInfo(
        "fisher",
        "Fisher information of each channel's activation, summed over its weights",
        source="Turner et al., BlockSwap, ICLR 2020, equation 2; as in Abdelfattah et al., ICLR 2021",
        needs="labels",
        uses=("fisher",),
        plain="how much the loss depends on the channels: squared activation × gradient, summed",
    ),
    fisher,
)
