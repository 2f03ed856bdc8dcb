"""The Zen-score (Lin et al., "Zen-NAS", ICCV 2021, algorithm 1), by Monte Carlo.

For the plain network (no residual links, no classifier) with weights from N(0, 1), and x, e ~ N(0, 1), it is

    log mean over the batch of |f(x) - f(x + gamma e)|_1  +  sum over batch-norms of log sqrt(mean running variance)

where f are the features before global pooling. Running variances are reset for each repetition (in the original code,
they carry over). `engine/gaussian.py` runs the passes, and `zen_expected.py` computes the score in closed form.

The precision is "fp32" or "bf16". With "bf16", activations and weights after the first layers are in bfloat16, but
statistics are in single precision. benchmarks/zen_monte_carlo.py shows that this changes the score by less than the
spread between seeds.
"""

from __future__ import annotations

import math

from PlainNet import Options, lower
from ZeroShotProxy.base import ProxyError, ProxyInfo, Score, ScoreSettings, Target, register, structure_of
from ZeroShotProxy.interval import mean_score


def zen(target: Target, settings: ScoreSettings) -> Score:
    """Return the mean of `settings.repeats` Zen-scores, with its 95 % confidence interval if there are at least two.

    Raises StructureError if the structure is not a network at this resolution, DeviceError if the machine does not have
    the device, and ProxyError if the score is not finite.
    """
    from ZeroShotProxy.engine import zen_passes  # torch takes seconds to import

    structure = structure_of(target, "zen")
    options = Options(use_se=settings.use_se, no_reslink=True)
    graph = lower(structure, resolution=settings.resolution, options=options)
    scores = zen_passes.zen_scores(graph, settings)
    if not all(map(math.isfinite, scores)):
        raise ProxyError(f"proxy zen returns {scores[0]}: the output does not depend on the input, or numbers overflow")
    return mean_score(scores)


ENOUGH_PIXELS = 2 * 224 * 224
"""Two images of 224×224. The spread comes from the weights: at 224×224, the standard deviation is 0.06 to 0.08 for
batches of 2, 4 and 16, see docs/adr/0010."""

register(
    ProxyInfo(
        name="zen",
        summary="Zen-score by Monte Carlo: how strongly a random plain network reacts to changes of its input",
        source="Lin et al., Zen-NAS, ICCV 2021, algorithm 1",
        torch=True,
        random=True,
        aliases=("ZenMC",),
        initialisation="gaussian",
        plain="how strongly a random plain network reacts to changes of its input",
        enough_pixels=ENOUGH_PIXELS,
    ),
    zen,
)
