"""Plain: weight × gradient, with its sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyInfo, register_measure

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe


def plain(probe: Probe) -> list[Tensor]:
    """Return weight × gradient of the loss, element by element, for each layer."""
    return [w * g for w, g in zip(probe.weights, probe.passes.gradients, strict=True)]


register_measure(
    ProxyInfo(
        "plain",
        "sum of weight × gradient of the loss",
        source="Mozer and Smolensky, Skeletonization, NIPS 1988; as in Abdelfattah et al., ICLR 2021",
        needs="labels",
        uses=("gradients",),
        plain="how much the loss grows with the weights: weight × gradient, summed",
    ),
    plain,
)
