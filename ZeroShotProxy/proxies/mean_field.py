"""`mean_field`: how much of a network's computation learns, in closed form and without torch (docs/mean-field.md).

The score is the sum of five logarithms: the computation that learns and how deep it stands, the features that learn,
the channels that learn, and the independent directions of the gradient at the image. A layer's share in learning comes
from the gradient of its weights. Gradients that are too large for the length of the training are subtracted; and the
longer it is, the more positions weigh.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from PlainNet import Options
from PlainNet.sizes import Size
from ZeroShotProxy.base import ArrayScore, ProxyError, ProxyInfo, Score, ScoreSettings, Target, register, structure_of
from ZeroShotProxy.engine.mean_field.scorer import MeanField

if TYPE_CHECKING:
    from PlainNet.arrays.blocks import Blocks

NAME = "mean_field"


@lru_cache(maxsize=16)
def _scorer(resolution: Size, num_classes: int, options: Options, steps: int) -> MeanField:
    return MeanField(resolution, num_classes, options, steps)


def mean_field(target: Target, settings: ScoreSettings) -> Score:
    """Return the score of a structure.

    Raises ProxyError if no gradient reaches the image or no convolution takes part, or `target` has no structure.
    """
    options = Options(use_se=settings.use_se)
    scorer = _scorer(settings.resolution, settings.num_classes, options, settings.training_steps)
    found = scorer(structure_of(target, NAME))
    if found is None:
        raise ProxyError(f"proxy {NAME} fails: no gradient reaches the image through a convolution")
    return Score(found)


def _arrays(blocks: Blocks, settings: ScoreSettings) -> ArrayScore:
    from ZeroShotProxy.engine.mean_field.arrays import MeanFieldArrays

    options = Options(use_se=settings.use_se)
    scorer = MeanFieldArrays(blocks, settings.num_classes, options, settings.training_steps)
    return lambda placed, costs: scorer(placed)


register(
    ProxyInfo(
        NAME,
        "computation and features that learn, and directions of the gradient, in closed form",
        source="this project, docs/mean-field.md",
        plain="how much computation and how many features learn in --training-steps, and in how many directions",
    ),
    mean_field,
    arrays=_arrays,
)
