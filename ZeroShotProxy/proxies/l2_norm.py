"""L2 norm of the weights: a baseline that needs no data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyInfo, register_measure

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe


def l2_norm(probe: Probe) -> list[Tensor]:
    """Return the Euclidean norm of the weight of each layer."""
    return [weight.norm() for weight in probe.weights]


register_measure(
    ProxyInfo(
        "l2_norm",
        "sum over layers of the norm of the weights",
        source="Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021",
        needs="module",
    ),
    l2_norm,
)
