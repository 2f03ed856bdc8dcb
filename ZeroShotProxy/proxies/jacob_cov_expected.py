"""The expected Jacobian covariance, in closed form and without torch (docs/mean-field.md, equations 16 and 21)."""

from __future__ import annotations

import math

from ZeroShotProxy.base import ProxyInfo, Score, ScoreSettings, Target, register
from ZeroShotProxy.engine.mean_field.graphs import live_field

NAME = "jacob_cov_expected"
_OFFSET = 1e-5


def jacob_cov_expected(target: Target, settings: ScoreSettings) -> Score:
    """Return the expected score of a batch of `settings.batch_size` images.

    The eigenvalues are those of the correlations of as many random vectors in as many dimensions as the gradients at
    the images have independent directions (Marchenko and Pastur, 1967). Raises ProxyError if the output does not depend
    on the input, or `target` has no structure.
    """
    directions = live_field(target, NAME, settings, same_for_images=True).directions
    return Score(-settings.batch_size * _mean_term(settings.batch_size / directions))


def _mean_term(ratio: float) -> float:
    """The mean of log v + 1 / v over the eigenvalues v. ratio: images per direction."""
    if ratio < 1:
        # Series of the logarithm for tiny ratios, where the formula cancels.
        log = -ratio / 2 if ratio < 1e-4 else (ratio - 1) / ratio * math.log1p(-ratio) - 1
        return log + 1 / (1 - ratio + _OFFSET)
    # More images than directions: the others have eigenvalue 0.
    zero = 1 - 1 / ratio
    log = math.log(ratio) + (1 - ratio) * (math.log(zero) if zero else 0.0) - 1
    return zero * (math.log(_OFFSET) + 1 / _OFFSET) + (log + 1 / (ratio * zero + _OFFSET)) / ratio


register(
    ProxyInfo(
        NAME,
        "jacob_cov in closed form",
        source="this project, docs/mean-field.md",
        expectation_of="jacob_cov",
        plain="how differently the network reacts to changes of different images, on average over random weights",
    ),
    jacob_cov_expected,
)
