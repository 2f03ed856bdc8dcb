"""SNIP: an estimate of how removing each weight would change the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyInfo, register_measure

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe


def snip(probe: Probe) -> list[Tensor]:
    """Return |weight × gradient of the loss|, element by element, for each layer."""
    return [(w * g).abs() for w, g in zip(probe.weights, probe.passes.gradients, strict=True)]


register_measure(
    ProxyInfo(
        "snip",
        "sum of |weight × gradient of the loss|",
        source="Lee et al., SNIP, ICLR 2019, equation 6 without normalisation; as in Abdelfattah et al., ICLR 2021",
        needs="labels",
        uses=("gradients",),
        plain="how much the loss depends on the weights: |weight × gradient|, summed",
    ),
    snip,
)
