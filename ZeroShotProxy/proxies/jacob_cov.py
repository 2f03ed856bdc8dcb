"""Jacobian covariance: whether the network tells images apart, by the gradients of its output for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure

if TYPE_CHECKING:
    from ZeroShotProxy.engine.probe import Probe

_OFFSET = 1e-5


def image_gradients(probe: Probe) -> np.ndarray:
    """The gradient of the summed logits at each image, (N, C × H × W). Raises ProxyError where one is constant."""
    jacobian: np.ndarray = probe.passes.jacobian.flatten(1).cpu().numpy()
    if not jacobian.std(axis=1).all():
        raise ProxyError("the output does not depend on some of the images")
    return jacobian


def jacob_cov(probe: Probe) -> float:
    """-sum of log(v + k) + 1 / (v + k) over the eigenvalues v of the correlations between images, k = 1e-5."""
    jacobian = image_gradients(probe)
    # A correlation matrix has no negative eigenvalues; rounding gives some that are -1e-8.
    values = np.linalg.eigvalsh(np.corrcoef(jacobian)).clip(min=0) + _OFFSET
    return -float(np.sum(np.log(values) + 1 / values))


register_measure(
    ProxyInfo(
        "jacob_cov",
        "how little images correlate in the gradient of the summed logits",
        source="Mellor et al., Neural Architecture Search without Training, arXiv 2006.04647v1, equation 5",
        needs="batch",
        uses=("jacobian",),
        aliases=("jacov",),
    ),
    jacob_cov,
)
