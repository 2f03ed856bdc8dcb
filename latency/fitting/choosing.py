"""Which networks to measure, so that a few latencies tell as much as possible: `zennas latency suggest`. No torch.

Networks are chosen one after the other. Each is the one of a pool that would leave the least variance in the logarithm
of the latencies of other networks, under the prior of `laws.py` and for every way of fusing (Bayesian A-optimal
design for predictions).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latency.fitting.laws import Law, prior_covariance
from latency.fitting.robust import Floats

_SPREAD = 0.1
"""Standard deviation of the logarithm of a measured latency that is assumed, where the law may be wrong."""
_OTHER_LAW = 0.5
"""Standard deviation of how much another law holds, so that networks are chosen which tell the laws apart."""
_SETTLED = 0.05
"""Share of the variance of a measurement below which there is no use in knowing more."""


def chosen(laws: Sequence[Law], pools: Sequence[Floats], targets: Sequence[Floats], count: int) -> list[int]:
    """Return which rows of the pool to measure, `count` different ones, the most telling first.

    laws: what may be fused. pools, targets: for each law, the parts (N, K) and (M, K) of the times of the networks that
    can be measured, and of those that are to be predicted.
    """
    states = []
    for i, law in enumerate(laws):
        prior = prior_covariance(law.terms)
        whole = np.pad(prior, (0, len(laws))) + np.diag([0.0] * len(prior) + [_OTHER_LAW**2] * len(laws))
        states.append((whole, _seen_from(pools, i), _seen_from(targets, i)))
    found: list[int] = []
    for _ in range(count):
        left = np.zeros(len(pools[0]))
        for covariance, pool, target in states:
            known = pool @ covariance
            variance = np.einsum("nk,nk->n", known, pool) + _SPREAD**2
            before = np.einsum("mk,kl,ml->m", target, covariance, target)
            after = before[:, None] - (target @ known.T) ** 2 / variance
            left += np.log(after.mean(axis=0) + _SETTLED * _SPREAD**2)
        left[found] = np.inf
        best = int(np.argmin(left))
        found.append(best)
        states = [(_updated(covariance, pool[best]), pool, target) for covariance, pool, target in states]
    return found


def _seen_from(times: Sequence[Floats], law: int) -> Floats:
    """By how much each network's time depends on each term (N, K) of a law, and differs (N, laws) if another one holds.

    Both are derivatives of the logarithm, the second up to a constant, which the device's speed takes up.
    """
    wholes = np.log([one.sum(axis=1) for one in times])
    differences = (wholes - wholes[law]).T
    return np.hstack([times[law] / np.exp(wholes[law])[:, None], differences])


def _updated(covariance: Floats, shares: Floats) -> Floats:
    """The covariance after a network with these shares (K,) of its time is measured."""
    towards = covariance @ shares
    found: Floats = covariance - np.outer(towards, towards) / (shares @ towards + _SPREAD**2)
    return found
