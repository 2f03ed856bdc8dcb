"""AZ-NAS: four scores of a random network on noise, combined by their ranks in a population.

Expressivity, progressivity and trainability use the feature maps between blocks (see `engine/features.py`) of one
forward pass. The fourth score, complexity, is `flops`.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from ZeroShotProxy.base import ProxyError, ProxyInfo, register_measure, register_ranking
from ZeroShotProxy.ensembles import log_rank

if TYPE_CHECKING:
    from torch import Tensor

    from ZeroShotProxy.engine.probe import Probe

_SOURCE = "Lee and Ham, AZ-NAS, CVPR 2024"


def expressivity(probe: Probe) -> float:
    """Return the sum over blocks of the entropy of the feature map's spectrum."""
    return sum(probe.shared(_entropies))


def progressivity(probe: Probe) -> float:
    """Return the smallest increase of the entropy of the feature map's spectrum from one block to the next."""
    entropies = probe.shared(_entropies)
    return min(after - before for before, after in itertools.pairwise(entropies))


def trainability(probe: Probe) -> float:
    """Return the mean over blocks of 2 - s - 1 / s, which is at most 0, where s estimates a block's spectral norm.

    s is the spectral norm of the block's Jacobian, estimated by a backward pass of random signs through the block.
    Raises ProxyError if a block does not depend on the block before it or passes its input on unchanged.
    """
    import torch

    generator = torch.Generator().manual_seed(probe.seed)
    maps = probe.shared(_maps)
    terms = []
    for before, after in itertools.pairwise(maps):
        signs = torch.randint(2, after.shape, generator=generator).to(after) * 2 - 1
        back = None
        if after.requires_grad:
            (back,) = torch.autograd.grad(after, before, signs, retain_graph=True, allow_unused=True)
        if back is None:
            raise ProxyError("a block's output does not depend on the block before it")
        if back.shape == signs.shape and torch.equal(back, signs):
            raise ProxyError("a block passes its input on unchanged, so its Jacobian has no meaning")
        norm = _norm(back, signs)
        terms.append(2 - norm - 1 / (norm + 1e-6))
    return sum(terms) / len(terms)


def _maps(probe: Probe) -> list[Tensor]:
    from ZeroShotProxy.engine.features import features

    return features(probe, probe.noise)


def _entropies(probe: Probe) -> list[float]:
    return [_entropy(found.detach()) for found in probe.shared(_maps)]


def _entropy(x: Tensor) -> float:
    """The entropy of the normalised eigenvalues of the channels' covariance (C, C), for x (N, C, H, W)."""
    import torch

    points = x.transpose(0, 1).flatten(1)
    points = points - points.mean(1, keepdim=True)
    eigenvalues = torch.linalg.eigvalsh(points @ points.T / points.shape[1])
    if not float(eigenvalues.sum()) > 0:
        raise ProxyError("a block's output is the same for all images")
    shares = eigenvalues / eigenvalues.sum()
    return float((-shares * torch.log(shares.clamp(min=0) + 1e-8)).sum())


def _norm(back: Tensor, signs: Tensor) -> float:
    """The largest singular value of the mean over positions of gradient in × gradient out. Strides are unfolded."""
    import torch
    from torch.nn import functional as F

    if back.shape[2:] != signs.shape[2:]:
        stride = back.shape[2] // signs.shape[2]
        if stride < 1 or tuple(side * stride for side in signs.shape[2:]) != tuple(back.shape[2:]):
            raise ProxyError(
                f"a block goes from {back.shape[2]}×{back.shape[3]} to {signs.shape[2]}×{signs.shape[3]} pixels, "
                "expected an integer stride: choose a resolution that is divisible by the strides"
            )
        back = F.pixel_unshuffle(back, stride)
    matrix = back.transpose(0, 1).flatten(1) @ signs.transpose(0, 1).flatten(1).T
    positions = signs.shape[0] * signs.shape[2] * signs.shape[3]
    return float(torch.linalg.matrix_norm(matrix / positions, ord=2))


def _info(name: str, summary: str) -> ProxyInfo:
    return ProxyInfo(name, summary, source=_SOURCE, needs="module", initialisation="kaiming_fan_in")


register_measure(_info("az_expressivity", "entropy of the feature maps' spectra, summed over blocks"), expressivity)
register_measure(
    _info("az_progressivity", "smallest increase of the entropy of the feature maps' spectra from block to block"),
    progressivity,
)
register_measure(
    _info("az_trainability", "how well the blocks' Jacobians preserve the size of gradients"), trainability
)
register_ranking(
    ProxyInfo(
        "az_nas",
        "sum of the logarithms of the ranks by expressivity, progressivity, trainability and FLOPs",
        source=_SOURCE,
    ),
    ("az_expressivity", "az_progressivity", "az_trainability", "flops"),
    log_rank,
)
