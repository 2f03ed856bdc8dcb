"""Scores for networks without training. Start reading at `base.py`, then `scores.py` and `proxies/snip.py`.

    ZeroShotProxy.score(structure, ["zen", "zen_expected"], ScoreSettings(resolution=32))["zen"].value
    ZeroShotProxy.score(network, (images, labels), ["snip", "naswot"])
    ZeroShotProxy.score_population(structures, ["az_nas", "vote(zico+naswot+flops)"])
    ZeroShotProxy.find_measures(network, loader, ("random", 1, 10), device)

Importing this package does not import torch. Proxies that run networks import it when they are called.
"""

from typing import Any

from ZeroShotProxy.base import PROXIES, Architecture, ArrayScore, Proxy, ProxyError, ProxyInfo, Score, ScoreSettings
from ZeroShotProxy.scores import score, score_population

__all__ = [
    "PROXIES",
    "Architecture",
    "ArrayScore",
    "Proxy",
    "ProxyError",
    "ProxyInfo",
    "Score",
    "ScoreSettings",
    "find_measures",
    "find_measures_arrays",
    "score",
    "score_population",
]


def __getattr__(name: str) -> Any:
    if name in ("find_measures", "find_measures_arrays"):
        from ZeroShotProxy.engine import measures  # torch takes seconds to import

        return getattr(measures, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
