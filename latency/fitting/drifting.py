"""How a machine has changed since its profile was made: a few references are timed again. No torch.

The references are networks of one sort of work each: computing, moving memory, and launching short kernels. Three
factors are fitted to the ratios of their times, robustly and under a prior that lets them differ a little, because a
machine that is slower at one thing is mostly slower at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import NamedTuple

import numpy as np

from latency.base import LatencyError
from latency.fitting.robust import Floats, most_probable
from latency.kernels import Kernel
from latency.predicting.drift import Drift, shares
from latency.predicting.profile import Profile

_TOGETHER, _APART = 0.5, 0.15
"""Standard deviations of the logarithms of the machine's factor, and of each of the three relative to it."""

PROBES = (
    ("SuperConvK3BNRELU(3,64,2,1)SuperConvK3BNRELU(64,64,1,3)", 64),
    ("SuperConvK3BNRELU(3,64,2,1)SuperConvK3BNRELU(64,256,2,1)SuperConvK1BNRELU(256,256,1,6)", 64),
    ("ConvKX(3,16,3,2)BN(16)NB201Cell(16,4,4,4,4,4,4)", 192),
    ("ConvKX(3,32,3,2)BN(32)NB201Cell(32,4,1,4,1,1,4)", 128),
    ("SuperConvK3BNRELU(3,8,2,1)SuperConvK1BNRELU(8,8,1,40)", 8),
    ("SuperConvK3BNRELU(3,16,2,1)SuperConvK3BNRELU(16,16,1,30)", 8),
)
"""References of new profiles, and their resolutions: two that compute, two that move memory, two of short kernels."""
PROBE_CLASSES = 10


class Timed(NamedTuple):
    """A reference: its kernels, and its times in ms for a batch when the profile was made, and now."""

    kernels: Sequence[Kernel]
    before: float
    now: float


def drift_of(profile: Profile, references: Sequence[Timed]) -> Drift:
    """Return the drift since the profile was made. Raises LatencyError without references."""
    if not references:
        raise no_references(profile)
    times = np.array([one.before * _composition(profile, one.kernels) for one in references])
    prior = _TOGETHER**2 + _APART**2 * np.eye(3)
    found = most_probable(times, np.array([one.now for one in references]), prior)
    computing, memory, launches = np.exp(found.logs).tolist()
    return Drift(computing, memory, launches, datetime.now(timezone.utc).isoformat(timespec="seconds"))


def no_references(profile: Profile) -> LatencyError:
    """The error for a profile that has no references."""
    return LatencyError(
        f"profile {profile.name} has no reference networks with their times, so it cannot be recalibrated: make it "
        "again with zennas latency profile and fit"
    )


def _composition(profile: Profile, kernels: Sequence[Kernel]) -> Floats:
    """The shares (3,) of computing, memory and launches in a network's predicted time."""
    found: Floats = np.zeros(3)
    for kernel in kernels:
        found += profile.kernel_ms(kernel) * np.array(shares(kernel, profile.hardware))
    found /= found.sum()
    return found
