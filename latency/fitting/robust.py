"""The factors of the parts of measured times that are most probable under a normal prior. No torch.

The errors of the logarithms of measured times have Student's distribution, so that a spoilt measurement does not
decide. The standard deviation of the errors is unknown; several are tried, and weighted by their evidence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SPREADS = (0.01, 0.02, 0.04, 0.07, 0.12, 0.2, 0.35)
"""Standard deviations of the logarithm of a measured time that are tried."""
_USUAL_SPREAD = 0.05
_FREEDOM = 4.0
"""Degrees of freedom of Student's distribution."""
_STEPS, _CLOSE, _STIFFEST = 60, 1e-6, 1e8


class Logs(NamedTuple):
    """The factors, and how well they are known.

    logs: (K,), logarithms of the factors. covariance: (K, K), of these. spread: standard deviation of the logarithm of
    a measured time. evidence: logarithm of the probability of the measurements, up to a constant.
    """

    logs: Floats
    covariance: Floats
    spread: float
    evidence: float


def most_probable(times: Floats, ms: Floats, prior: Floats) -> Logs:
    """Return the most probable factors of the parts of times.

    times: (N, K), the parts as they are expected. ms: (N,), the measured sums. prior: (K, K), covariance of the
    logarithms of the factors, whose mean is 0.
    """
    precision, size = np.linalg.inv(prior).astype(np.float64), np.linalg.slogdet(prior)[1]
    logs = np.full(len(prior), np.median(np.log(ms / times.sum(axis=1))))
    tried = []
    for spread in _SPREADS:
        logs, curvature, loss = _minimum(times, np.log(ms), precision, logs, spread)
        volume = np.linalg.slogdet(curvature)[1] + size
        evidence = -loss - len(ms) * np.log(spread) - volume / 2 - np.log(spread / _USUAL_SPREAD) ** 2 / 2
        tried.append(Logs(logs, np.linalg.inv(curvature).astype(np.float64), spread, float(evidence)))
    best = max(tried, key=lambda one: one.evidence)
    shares = np.exp([one.evidence - best.evidence for one in tried])
    spread = float(np.sqrt(shares @ np.square(_SPREADS) / shares.sum()))
    return best._replace(spread=spread, evidence=best.evidence + float(np.log(shares.sum())))


def _minimum(
    times: Floats, log_ms: Floats, precision: Floats, logs: Floats, spread: float
) -> tuple[Floats, Floats, float]:
    """Minimise the loss by Gauss-Newton steps, damped where they do not lead down (Levenberg and Marquardt).

    Returns the logarithms (K,), the curvature (K, K) of the loss, and the loss, which is the negative logarithm of the
    probability of logarithms and measurements.
    """

    def state(logs: Floats) -> tuple[float, Floats, Floats]:
        parts = times * np.exp(logs)
        whole = parts.sum(axis=1)
        off = log_ms - np.log(whole)
        heavy = (_FREEDOM + 1) * np.log1p(off**2 / (_FREEDOM * spread**2)).sum()
        return (logs @ precision @ logs + heavy) / 2, off, parts / whole[:, None]

    damping = 1e-2
    loss, off, shares = state(logs)
    for _ in range(_STEPS):
        weights, curvature = _curvature(off, shares, precision, spread)
        slope = precision @ logs - shares.T @ (weights * off)
        lower = loss
        while damping < _STIFFEST:
            step = np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), slope)
            lower, off_there, shares_there = state(logs - step)
            if lower < loss:
                logs, off, shares, damping = logs - step, off_there, shares_there, max(damping / 5, 1e-9)
                break
            damping *= 4
        if loss - lower < _CLOSE:
            break
        loss = lower
    return logs, _curvature(off, shares, precision, spread)[1], loss


def _curvature(off: Floats, shares: Floats, precision: Floats, spread: float) -> tuple[Floats, Floats]:
    """The weights (N,) of Student's distribution, and the curvature (K, K) with these weights held."""
    weights = (_FREEDOM + 1) / (_FREEDOM + (off / spread) ** 2) / spread**2
    return weights, precision + (shares.T * weights) @ shares
