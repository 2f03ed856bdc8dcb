"""The mean of repeated scores, and how sure it is. No torch."""

from __future__ import annotations

import math
import statistics

from ZeroShotProxy.base import Score


def mean_score(scores: list[float]) -> Score:
    """Mean and Student's 95 % interval; no interval for a single score."""
    mean = statistics.fmean(scores)
    if len(scores) < 2:
        return Score(mean, None, tuple(scores))
    from scipy.special import stdtrit

    half = float(stdtrit(len(scores) - 1, 0.975)) * statistics.stdev(scores) / math.sqrt(len(scores))
    return Score(mean, (mean - half, mean + half), tuple(scores))
