"""NASWOT: whether different images activate different ReLUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure

if TYPE_CHECKING:
    from ZeroShotProxy.engine.probe import Probe

_EXACT = 1 << 23
"""Sums of this many signs are exact in single precision."""


def naswot(probe: Probe) -> float:
    """Return log |det K|, where K[i, j] is the number of ReLU inputs with equal signs for images i and j.

    Raises ProxyError if K is singular, for example because all ReLUs agree for two images.
    """
    import torch

    codes = probe.relu_codes
    images = len(codes[0])
    kernel = torch.zeros(images, images, dtype=torch.float64, device=codes[0].device)
    for code in codes:
        for part in code.split(_EXACT, dim=1):
            signs = part.float().mul_(2).sub_(1)
            kernel += (signs @ signs.T + signs.shape[1]) / 2  # agreements - disagreements = 2 × agreements - all
    # Not the sign of `slogdet`: rounding makes the determinant of a singular matrix a small number.
    eigenvalues = torch.linalg.eigvalsh(kernel)
    if not float(eigenvalues[0]) > images * torch.finfo(torch.float64).eps * float(eigenvalues[-1]):
        raise ProxyError(f"the ReLUs do not distinguish all {images} images of the batch, so the determinant is 0")
    return float(eigenvalues.log().sum())


register_measure(
    ProxyInfo(
        "naswot",
        "log-determinant of how often the ReLUs of two images agree",
        source="Mellor et al., Neural Architecture Search without Training, ICML 2021, equation 2",
        needs="batch",
        uses=("relu_codes",),
        aliases=("nwot",),
        plain="how differently the ReLUs switch for different images",
    ),
    naswot,
)
