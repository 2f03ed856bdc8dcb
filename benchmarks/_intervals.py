"""95 % intervals of means by Student's t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance

from scipy.stats import t

LEVEL = 0.975


def half_width(values: Sequence[float]) -> float:
    """Return half of the interval of the mean of two or more values."""
    return float(t.ppf(LEVEL, len(values) - 1)) * math.sqrt(variance(values) / len(values))


def difference(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    """Return the difference of two means, of two or more values each, and half of its interval by Welch's t."""
    parts = [variance(one) / len(one) for one in (ours, theirs)]
    value, total = fmean(ours) - fmean(theirs), sum(parts)
    if not total:
        return value, 0.0
    freedom = total**2 / sum(part**2 / (len(one) - 1) for part, one in zip(parts, (ours, theirs), strict=True))
    return value, float(t.ppf(LEVEL, freedom)) * math.sqrt(total)
