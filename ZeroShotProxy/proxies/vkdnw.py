"""VKDNW: how evenly the Fisher information of a random network is distributed over its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure, register_ranking
from ZeroShotProxy.ensembles import log_rank

if TYPE_CHECKING:
    from ZeroShotProxy.engine.probe import Probe

_SOURCE = "Tybl and Neumann, Training-free NAS through Variance of Knowledge of Deep Network Weights, CVPR 2025"
_DECILES = np.arange(1, 10) / 10
_SMOOTHING = 0.05


def entropy(probe: Probe) -> float:
    """Return -sum of v log v over the nine deciles v of the Fisher information's eigenvalues, normalised to sum 1.

    Raises ProxyError if all deciles are zero.
    """
    deciles = np.quantile(probe.shared(_spectrum), _DECILES)
    if not deciles.sum() > 0:
        raise ProxyError("nine tenths of the Fisher information's eigenvalues are zero")
    shares = deciles / deciles.sum()
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def single(probe: Probe) -> float:
    """Return the number of weight tensors plus `entropy`, which is at most log 9 and ranks networks of equal size.

    Raises ProxyError if the entropy is not defined.
    """
    return len(probe.shared(_spectrum)) + entropy(probe)


def _spectrum(probe: Probe) -> np.ndarray:
    """The eigenvalues of the Fisher information of the softmax output by the first element of each weight tensor.

    The input is noise. Batch-norms return their input unchanged, as newly initialised ones do.
    """
    import torch

    from ZeroShotProxy.engine.per_image import first_weights_jacobian

    logits, jacobian = first_weights_jacobian(probe, probe.noise)
    logits, jacobian = logits.double(), jacobian.double()
    p = torch.softmax(logits, 1) * (1 - _SMOOTHING) + _SMOOTHING / logits.shape[1]
    # J' (diag p - p p') J is the square of sqrt(p) (J - p' J).
    centred = (jacobian - (p.unsqueeze(2) * jacobian).sum(1, keepdim=True)) * p.sqrt().unsqueeze(2)
    rows = centred.flatten(0, 1)
    fisher = rows.T @ rows / len(logits)
    if not bool(torch.isfinite(fisher).all()):
        raise ProxyError("the Fisher information is not finite")
    found: np.ndarray = torch.linalg.eigvalsh(fisher).clamp(min=0).cpu().numpy()
    return found


def _info(name: str, summary: str) -> ProxyInfo:
    return ProxyInfo(name, summary, source=_SOURCE, needs="module", initialisation="kaiming_fan_in")


register_measure(_info("vkdnw_entropy", "entropy of the deciles of the Fisher information's spectrum"), entropy)
register_measure(_info("vkdnw_single", "number of weight tensors plus vkdnw_entropy"), single)
register_ranking(
    ProxyInfo(
        "vkdnw",
        "sum of the logarithms of the ranks by vkdnw_single, jacob_cov, az_expressivity, az_trainability and FLOPs",
        source=_SOURCE,
        plain="ranks by number of layers, evenness of the Fisher information, jacob_cov, two of az_nas and FLOPs",
    ),
    ("vkdnw_single", "jacob_cov", "az_expressivity", "az_trainability", "flops"),
    log_rank,
)
