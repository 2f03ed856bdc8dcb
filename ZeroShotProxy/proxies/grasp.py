"""GraSP: an estimate of how removing each weight would change the gradient flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyInfo, register_measure

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe


def grasp(probe: Probe) -> list[Tensor]:
    """Return -weight × (Hessian of the loss × its gradient), element by element, for each layer."""
    return [-w * hg for w, hg in zip(probe.weights, probe.passes.hessian_gradient, strict=True)]


register_measure(
    ProxyInfo(
        "grasp",
        "sum of -weight × (Hessian of the loss × its gradient)",
        source="Wang et al., GraSP, ICLR 2020, equation 8; sign and temperature 1 as in Abdelfattah et al., ICLR 2021",
        needs="labels",
        uses=("gradients", "hessian"),
    ),
    grasp,
)
