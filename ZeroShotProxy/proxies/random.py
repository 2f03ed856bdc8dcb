"""A random number as the score: the baseline of every search. This file does not import torch."""

from __future__ import annotations

from hashlib import blake2b
from random import Random

from ZeroShotProxy.base import ProxyInfo, Score, ScoreSettings, Target, register, structure_of


def random(target: Target, settings: ScoreSettings) -> Score:
    """Return a standard normal number, which depends only on the structure and the seed."""
    text = f"{settings.seed} {structure_of(target, 'random')}"
    return Score(Random(blake2b(text.encode(), digest_size=8).digest()).gauss(0, 1))


register(ProxyInfo("random", "a standard normal number", source="the baseline of every search", random=True), random)
