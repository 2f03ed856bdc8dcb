"""Jacobian covariance: how well the network distinguishes images, judged by the gradients at its input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure

if TYPE_CHECKING:
    from ZeroShotProxy.engine.probe import Probe

_OFFSET = 1e-5


def image_gradients(probe: Probe) -> np.ndarray:
    """Return the gradient of the summed logits at each image, (N, C × H × W).

    Raises ProxyError if the gradient of an image is constant.
    """
    jacobian: np.ndarray = probe.passes.jacobian.flatten(1).cpu().numpy()
    if not jacobian.std(axis=1).all():
        raise ProxyError("the output does not depend on some of the images")
    return jacobian


def jacob_cov(probe: Probe) -> float:
    """Return -sum of log(v + k) + 1 / (v + k), where v are the eigenvalues of the correlations between images.

    The correlations are those of the gradient of the summed logits at the image, and k = 1e-5.
    """
    jacobian = image_gradients(probe)
    # A correlation matrix has no negative eigenvalues, but rounding can make some about -1e-8.
    values = np.linalg.eigvalsh(np.corrcoef(jacobian)).clip(min=0) + _OFFSET
    return -float(np.sum(np.log(values) + 1 / values))


register_measure(
    ProxyInfo(
        "jacob_cov",
        "how little the summed logits' gradients at different images correlate",
        source="Mellor et al., Neural Architecture Search without Training, arXiv 2006.04647v1, equation 5",
        needs="batch",
        uses=("jacobian",),
        aliases=("jacov",),
        plain="how differently the network reacts to changes of different images",
    ),
    jacob_cov,
)
