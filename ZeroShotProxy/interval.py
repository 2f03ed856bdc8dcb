"""The mean of repeated scores and its confidence interval. This file does not import torch."""

from __future__ import annotations

import math
import statistics

from ZeroShotProxy.base import Score


def mean_score(scores: list[float]) -> Score:
    """Return the mean with its 95 % confidence interval (Student's t). A single score has no interval."""
    mean = statistics.fmean(scores)
    if len(scores) < 2:
        return Score(mean, None, tuple(scores))
    from scipy.special import stdtrit

    half = float(stdtrit(len(scores) - 1, 0.975)) * statistics.stdev(scores) / math.sqrt(len(scores))
    return Score(mean, (mean - half, mean + half), tuple(scores))
