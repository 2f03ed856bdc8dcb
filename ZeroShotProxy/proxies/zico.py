"""ZiCo: whether the gradients of the weights agree from one mini-batch to the next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure

if TYPE_CHECKING:
    from ZeroShotProxy.engine.probe import Probe

_MINI_BATCHES = 2


def zico(probe: Probe) -> float:
    """Sum over layers of the logarithm of the sum over weights of mean |g| / standard deviation of g.

    Over two mini-batches, as in the paper's experiments: the halves of the batch.
    """
    import torch

    if len(probe.inputs) < 2 * _MINI_BATCHES:
        raise ProxyError(f"a batch of {len(probe.inputs)}, expected at least {2 * _MINI_BATCHES}")
    found = [
        probe.gradients(x, y)
        for x, y in zip(probe.inputs.chunk(_MINI_BATCHES), probe.labels.chunk(_MINI_BATCHES), strict=True)
    ]
    score, differ = 0.0, False
    for gradients in zip(*found, strict=True):
        stacked = torch.stack(gradients).double()
        deviation = stacked.std(0, correction=0)
        varies = deviation > 0
        differ = differ or bool(varies.any())
        ratio = float((stacked.abs().mean(0)[varies] / deviation[varies]).sum())
        if ratio > 0:  # a layer that the loss does not depend on adds nothing
            score += math.log(ratio)
    if not differ:
        raise ProxyError("the two mini-batches have the same gradients")
    return score


register_measure(
    ProxyInfo(
        "zico",
        "mean over deviation of each weight's gradient, from mini-batch to mini-batch",
        source="Li et al., ZiCo, ICLR 2023",
        needs="labels",
    ),
    zico,
)
