"""ZiCo: whether the gradients of weights are similar for different mini-batches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure

if TYPE_CHECKING:
    from ZeroShotProxy.engine.probe import Probe

_MINI_BATCHES = 2


def zico(probe: Probe) -> float:
    """Return the sum over layers of log(sum over weights of mean |g| / standard deviation of g).

    Mean and deviation of the gradient g are taken over two mini-batches, the halves of the batch, as in the paper's
    experiments. Raises ProxyError if the batch has fewer than 4 images or both halves have the same gradients.
    """
    import torch

    if len(probe.inputs) < 2 * _MINI_BATCHES:
        raise ProxyError(f"the batch has {len(probe.inputs)} images, expected at least {2 * _MINI_BATCHES}")
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
        if ratio > 0:  # otherwise the loss does not depend on the layer
            score += math.log(ratio)
    if not differ:
        raise ProxyError("the two mini-batches have the same gradients")
    return score


register_measure(
    ProxyInfo(
        "zico",
        "mean divided by standard deviation of the weights' gradients over mini-batches",
        source="Li et al., ZiCo, ICLR 2023",
        needs="labels",
        plain="how large and how steady the weights' gradients are from batch to batch",
    ),
    zico,
)
