"""VKDNW: how evenly the Fisher information of a random network is spread over directions of its weights."""

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
    """-sum of v log v over the nine deciles v of the Fisher information matrix's eigenvalues, normalised to sum 1."""
    deciles = np.quantile(probe.shared(_spectrum), _DECILES)
    if not deciles.sum() > 0:
        raise ProxyError("nine tenths of the Fisher information's eigenvalues are zero")
    shares = deciles / deciles.sum()
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def single(probe: Probe) -> float:
    """Number of weight tensors, plus `entropy`, which is at most log 9 and decides between networks of one size."""
    return len(probe.shared(_spectrum)) + entropy(probe)


def _spectrum(probe: Probe) -> np.ndarray:
    """Eigenvalues of the Fisher information matrix of the softmax output, of noise, by the first element of each weight
    tensor; batch-norms, being fresh, pass their input on."""
    import torch

    from ZeroShotProxy.engine.per_image import first_weights_jacobian

    logits, jacobian = first_weights_jacobian(probe, probe.noise)
    logits, jacobian = logits.double(), jacobian.double()
    p = torch.softmax(logits, 1) * (1 - _SMOOTHING) + _SMOOTHING / logits.shape[1]
    # J' (diag p - p p') J, as the square of sqrt(p) (J - p' J).
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
register_measure(_info("vkdnw_single", "number of weight tensors, then that entropy"), single)
register_ranking(
    ProxyInfo(
        "vkdnw",
        "vkdnw_single, jacob_cov, AZ-NAS's expressivity and trainability and FLOPs, by the logarithms of ranks",
        source=_SOURCE,
    ),
    ("vkdnw_single", "jacob_cov", "az_expressivity", "az_trainability", "flops"),
    log_rank,
)
