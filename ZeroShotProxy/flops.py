"""FLOPs and parameters as scores: the baselines that every proxy has to beat. No torch."""

from __future__ import annotations

from PlainNet import Cost, cost
from ZeroShotProxy.base import ProxyInfo, Score, ScoreSettings, Target, register, structure_of


def _cost(target: Target, name: str, settings: ScoreSettings) -> Cost:
    structure = structure_of(target, name)
    return cost(
        structure,
        resolution=settings.resolution,
        num_classes=settings.num_classes,
        use_se=settings.use_se,
    )


def flops(target: Target, settings: ScoreSettings) -> Score:
    return Score(float(_cost(target, "flops", settings).flops))


def params(target: Target, settings: ScoreSettings) -> Score:
    return Score(float(_cost(target, "params", settings).params))


register(ProxyInfo("flops", "multiply-accumulates of an image", source="baseline", needs="cost"), flops)
register(ProxyInfo("params", "number of parameters", source="baseline", needs="cost"), params)
