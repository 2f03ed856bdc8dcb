"""Statistics of latency samples: percentiles, and the precision of the median. Uses only the standard library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache


def percentile(samples: Sequence[float], share: float) -> float:
    """The value below which a `share` (0 to 1) of the samples lies, interpolated linearly.

    Raises ValueError if there are no samples.
    """
    if not samples:
        raise ValueError("there are no samples")
    ordered = sorted(samples)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def median(samples: Sequence[float]) -> float:
    """The median of the samples. Raises ValueError if there are none."""
    return percentile(samples, 0.5)


def middle_mean(samples: Sequence[float]) -> float:
    """The mean of the middle half: as robust as the median, but finer if a clock counts whole microseconds."""
    ordered = sorted(samples)
    cut = len(ordered) // 4
    middle = ordered[cut : len(ordered) - cut]
    return math.fsum(middle) / len(middle)


def median_interval(samples: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % confidence interval of the median by order statistics, None for fewer than six samples."""
    rank = _lower_rank(len(samples))
    if rank is None:
        return None
    ordered = sorted(samples)
    return ordered[rank], ordered[len(ordered) - 1 - rank]


def certainty(samples: Sequence[float]) -> float:
    """Half the 95 % interval of the median as a share of the median; infinite if there is no interval."""
    interval = median_interval(samples)
    if interval is None:
        return math.inf
    middle = median(samples)
    return (interval[1] - interval[0]) / (2 * middle) if middle > 0 else math.inf


def drift(samples: Sequence[float]) -> float:
    """The difference between the medians of the second and the first half, as a share of the first.

    Infinite for fewer than two samples.
    """
    half = len(samples) // 2
    if not half:
        return math.inf
    first, second = median(samples[:half]), median(samples[-half:])
    return abs(second - first) / first if first > 0 else math.inf


@lru_cache(maxsize=4096)
def _lower_rank(count: int) -> int | None:
    """The largest r with P(fewer than r + 1 of `count` fair coins show heads) <= 2.5 %, counted from 0."""
    if count > 200:  # normal approximation with continuity correction
        return max(0, math.floor((count - 1) / 2 - 0.98 * math.sqrt(count)))
    tail, rank, ways = 0.0, -1, 0.5**count
    for heads in range(count + 1):
        tail += ways
        if tail > 0.025:
            break
        rank = heads
        ways *= (count - heads) / (heads + 1)
    return rank if rank >= 0 else None
