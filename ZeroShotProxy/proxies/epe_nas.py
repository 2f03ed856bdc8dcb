"""EPE-NAS: whether images of one class have like gradients at the input, class by class."""

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
    """Sum over classes of |sum of log(|c| + 1e-5)|, c the correlations between the images of a class of the gradient of
    the summed logits; with more than 100 classes, the mean difference between the classes' sums over their images."""
    jacobian = image_gradients(probe)
    labels = probe.labels.cpu().numpy()
    present, counts = np.unique(labels, return_counts=True)
    if counts.max() < 2:
        raise ProxyError("it compares images of one class, and the batch has no two")
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
        "correlation, within classes, between images of the gradient of the summed logits",
        source="Lopes et al., EPE-NAS, ICANN 2021",
        needs="labels",
        uses=("jacobian",),
    ),
    epe_nas,
)
