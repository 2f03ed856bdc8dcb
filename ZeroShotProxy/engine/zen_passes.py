"""The forward passes of the Monte-Carlo Zen-score, for `proxies/zen.py`. Imports torch."""

from __future__ import annotations

import torch

from PlainNet.device import device_of
from PlainNet.ops import OpGraph
from ZeroShotProxy.base import ScoreSettings
from ZeroShotProxy.engine.gaussian import run

_TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@torch.no_grad()
def zen_scores(graph: OpGraph, settings: ScoreSettings) -> list[float]:
    """Return one Zen-score for each of `settings.repeats`, from one generator with the seed `settings.seed`."""
    device = device_of(settings.device)
    generator = torch.Generator(device).manual_seed(settings.seed)
    shape = (settings.batch_size, *graph.input.dims)
    scores = []
    for _ in range(settings.repeats):
        x = torch.randn(shape, generator=generator, device=device)
        moved = x + settings.gamma * torch.randn(shape, generator=generator, device=device)
        # By default, CUDA rounds the inputs of convolutions to ten bits (TF32).
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            passes = run(graph, [x, moved], generator, _TYPES[settings.precision])
        first, second = passes.outputs
        distance = (first.float() - second.float()).abs().flatten(1).sum(1).mean()
        scores.append(float(distance.log() + passes.mean_running_variances.log().sum() / 2))
    return scores
