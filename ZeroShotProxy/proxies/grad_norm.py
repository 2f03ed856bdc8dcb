"""Gradient norm: how strongly the loss depends on the weights of each layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyInfo, register_measure

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe


def grad_norm(probe: Probe) -> list[Tensor]:
    """Return the Euclidean norm of the loss's gradient by the weight of each layer."""
    return [gradient.norm() for gradient in probe.passes.gradients]


register_measure(
    ProxyInfo(
        "grad_norm",
        "sum over layers of the norm of the loss's gradient",
        source="Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021",
        needs="labels",
        uses=("gradients",),
        aliases=("GradNorm",),
        plain="how strongly the loss pulls at the weights, summed over layers",
    ),
    grad_norm,
)
