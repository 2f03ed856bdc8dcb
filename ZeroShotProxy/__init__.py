"""Scoring networks without training them. Start reading at `base.py`, then `zen.py`.

    ZeroShotProxy.score(structure, ["zen", "zen_expected"], ScoreSettings(resolution=32))["zen"].value

Importing this package does not import torch; proxies that run networks import it when they are called.
"""

from ZeroShotProxy.base import PROXIES, Proxy, ProxyError, ProxyInfo, Score, ScoreSettings, score

__all__ = ["PROXIES", "Proxy", "ProxyError", "ProxyInfo", "Score", "ScoreSettings", "score"]
