"""EPE-NAS: the correlation of input gradients between images of the same class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure
from ZeroShotProxy.proxies.jacob_cov import image_gradients

if TYPE_CHECKING:
    from ZeroShotProxy.engine.probe import Probe

_OFFSET = 1e-5
_MANY_CLASSES = 100


def epe_nas(probe: Probe) -> float:
    """Return the sum over classes of |sum of log(|c| + 1e-5)|, where c are correlations between images of the class.

    The correlations are those of the gradient of the summed logits at the image. With more than 100 classes, the score
    is the mean absolute difference between the sums of two classes, each divided by its number of images. Raises
    ProxyError if no class has two images.
    """
    jacobian = image_gradients(probe)
    labels = probe.labels.cpu().numpy()
    present, counts = np.unique(labels, return_counts=True)
    if counts.max() < 2:
        raise ProxyError("it compares images of the same class, but the batch has only one of each")
    sums = np.array([_class_sum(jacobian[labels == label]) for label in present])
    if len(present) <= _MANY_CLASSES:
        return float(np.abs(sums).sum())
    means = sums / counts
    return float(np.abs(means[:, None] - means[None, :]).sum() / len(present))


def _class_sum(jacobian: np.ndarray) -> float:
    correlations = np.atleast_2d(np.corrcoef(jacobian))
    return float(np.log(np.abs(correlations) + _OFFSET).sum())


register_measure(
    ProxyInfo(
        "epe_nas",
        "correlation of the summed logits' gradient between images of the same class",
        source="Lopes et al., EPE-NAS, ICANN 2021",
        needs="labels",
        uses=("jacobian",),
    ),
    epe_nas,
)
