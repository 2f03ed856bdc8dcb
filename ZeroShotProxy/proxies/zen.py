"""The Zen-score (Lin et al., "Zen-NAS", ICCV 2021, algorithm 1), by Monte Carlo.

On the plain network (no residual links, no classifier) with weights from N(0, 1), and x, e ~ N(0, 1):

    log mean over the batch of |f(x) - f(x + gamma e)|_1  +  sum over batch-norms of log sqrt(mean running variance)

with f the features before global pooling. Every repeat starts from fresh running variances (in the
original they leak from one repeat into the next). `engine/zen_passes.py` runs the passes,
`zen_expected.py` has the same quantity in closed form.

Precision: "fp32", or "bf16" for activations and weights in bfloat16 behind the first layers, with
statistics in single precision. benchmarks/zen_monte_carlo.py measures what that does to the score: it
stays within the spread between seeds.
"""

from __future__ import annotations

import math

from PlainNet import Options, lower
from ZeroShotProxy.base import ProxyError, ProxyInfo, Score, ScoreSettings, Target, register, structure_of
from ZeroShotProxy.interval import mean_score


def zen(target: Target, settings: ScoreSettings) -> Score:
    """Mean of `settings.repeats` Zen-scores, with the 95 % interval of that mean where there are two or more.

    Raises StructureError where the structure is none at this resolution, ProxyError where the device is
    missing or the score is not finite.
    """
    from ZeroShotProxy.engine import zen_passes  # torch takes seconds to import

    structure = structure_of(target, "zen")
    options = Options(use_se=settings.use_se, no_reslink=True)
    graph = lower(structure, resolution=settings.resolution, options=options)
    scores = zen_passes.zen_scores(graph, settings)
    if not all(map(math.isfinite, scores)):
        raise ProxyError(f"proxy zen gives {scores[0]}: nothing of the input reaches the output, or numbers overflow")
    return mean_score(scores)


register(
    ProxyInfo(
        name="zen",
        summary="Zen-score by Monte Carlo: how strongly the random plain network reacts to its input",
        source="Lin et al., Zen-NAS, ICCV 2021, algorithm 1",
        torch=True,
        random=True,
        aliases=("ZenMC",),
        initialisation="gaussian",
    ),
    zen,
)
