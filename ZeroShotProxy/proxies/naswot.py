"""NASWOT: whether different images activate different ReLUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure

if TYPE_CHECKING:
    from ZeroShotProxy.engine.probe import Probe


def naswot(probe: Probe) -> float:
    """Return log |det K|, where K[i, j] is the number of ReLU inputs with equal signs for images i and j.

    Raises ProxyError if the determinant is 0.
    """
    import torch

    codes = probe.relu_codes
    kernel = torch.zeros(len(codes[0]), len(codes[0]), dtype=torch.float64, device=codes[0].device)
    for code in codes:
        signs = code.float().mul_(2).sub_(1)
        kernel += (signs @ signs.T + signs.shape[1]) / 2  # agreements - disagreements = 2 × agreements - all
    sign, logarithm = torch.linalg.slogdet(kernel)
    if not float(sign):
        raise ProxyError("all ReLUs agree for some images, so the determinant is 0")
    return float(logarithm)


register_measure(
    ProxyInfo(
        "naswot",
        "log-determinant of how often the ReLUs of two images agree",
        source="Mellor et al., Neural Architecture Search without Training, ICML 2021, equation 2",
        needs="batch",
        uses=("relu_codes",),
        aliases=("nwot",),
    ),
    naswot,
)
