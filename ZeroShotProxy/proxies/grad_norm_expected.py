"""The expected gradient norm, in closed form and without torch (docs/mean-field.md, equations 15 and 17)."""

from __future__ import annotations

import math

from ZeroShotProxy.base import ProxyInfo, Score, ScoreSettings, Target, register
from ZeroShotProxy.engine.mean_field.graphs import live_field

NAME = "grad_norm_expected"


def grad_norm_expected(target: Target, settings: ScoreSettings) -> Score:
    """Return the sum over layers of the expected norm of the loss's gradient, for a batch of `settings.batch_size`.

    Raises ProxyError if the output does not depend on the input, or `target` has no structure.
    """
    layers = live_field(target, NAME, settings).layers
    # The errors of an image at the logits have about this squared norm, and the loss is a mean over images.
    error = (1 - 1 / settings.num_classes) / settings.batch_size
    return Score(sum(math.sqrt(error * layer.gradient) for layer in layers))


register(
    ProxyInfo(
        NAME,
        "grad_norm in closed form",
        source="this project, docs/mean-field.md",
        expectation_of="grad_norm",
        plain="how strongly the loss pulls at the weights, summed over layers, on average over random weights",
    ),
    grad_norm_expected,
)
