"""Gaussian values that are clipped to an interval, for the expected Zen-score, without torch.

`moments.relu6` uses this where the upper limit matters. Equation numbers refer to docs/expected-zen.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from ZeroShotProxy.engine.dependence import Array, Numbers


@dataclass(frozen=True)
class Clipped:
    """min(max(u, low), high) for u ~ N(mean, sd²). All values are for u; `apart` is for two such u that correlate."""

    mean: float
    sd: float
    low: float
    high: float

    @property
    def below(self) -> float:
        """The lower limit in standard deviations from the mean."""
        return (self.low - self.mean) / self.sd

    @property
    def above(self) -> float:
        """The upper limit in standard deviations from the mean."""
        return (self.high - self.mean) / self.sd

    @property
    def inside(self) -> float:
        """The probability that u is not clipped."""
        return _distribution(self.above) - _distribution(self.below)

    @cached_property
    def first(self) -> float:
        """The mean of the clipped value."""
        step = _density(self.below) - _density(self.above)
        clipped = self.low * _distribution(self.below) + self.high * _distribution(-self.above)
        return clipped + self.mean * self.inside + self.sd * step

    @cached_property
    def second(self) -> float:
        """The second moment of the clipped value."""
        step = _density(self.below) - _density(self.above)
        slope = self.below * _density(self.below) - self.above * _density(self.above)
        clipped = self.low**2 * _distribution(self.below) + self.high**2 * _distribution(-self.above)
        unclipped = (self.mean**2 + self.sd**2) * self.inside + 2 * self.mean * self.sd * step + self.sd**2 * slope
        return clipped + unclipped

    @property
    def variance(self) -> float:
        """The variance of the clipped value."""
        return self.second - self.first**2

    def decorrelation(self, d: Numbers) -> Numbers:
        """Return 1 - correlation of two clipped values, for u with correlation 1 - d (eq. 12).

        Price's theorem: the covariance's derivative by the correlation is sd² times the probability that neither value
        is clipped, whose own derivative is a sum of densities at the corners of the interval.
        """
        y, weights = _rule()
        apart = np.clip(np.asarray(d), 1e-15, 2.0)[..., None]
        lost = apart * y**2
        corners = (
            _pair_density(self.above, self.above, lost)
            - 2 * _pair_density(self.below, self.above, lost)
            + _pair_density(self.below, self.below, lost)
        )
        clipped = 2 * apart[..., 0] * (weights * (1 - y**2) * y * corners).sum(-1)
        return _like(d, self.sd**2 / self.variance * apart[..., 0] * (self.inside - clipped))

    def distance(self, d: Numbers) -> Numbers:
        """Return E|y - y'| of two clipped values, for u with correlation 1 - d (eq. 13).

        It is twice the integral over thresholds of the probability that one value is below and the other above, which
        is Owen's T function.
        """
        from scipy.special import erf  # scipy is slow to import, and clipping that matters is rare

        y, weights = _rule()
        ratio = np.sqrt(np.clip(np.asarray(d), 0.0, 2.0 - 1e-12) / (2 - np.clip(np.asarray(d), 0.0, 2.0 - 1e-12)))
        angles = np.arctan(ratio)[..., None] * y
        scale = 1 / (math.sqrt(2) * np.cos(angles))
        crossed = (weights * np.cos(angles) * (erf(self.above * scale) - erf(self.below * scale))).sum(-1)
        return _like(d, self.sd * math.sqrt(2 / math.pi) * np.arctan(ratio) * crossed)


def _distribution(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _density(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _pair_density(a: float, b: float, d: Array) -> Array:
    """The density at (a, b) of two standard normal variables with correlation 1 - d."""
    free = d * (2 - d)  # 1 - correlation²
    exponent = ((a - b) ** 2 + 2 * a * b * d) / (2 * free)
    return np.asarray(np.exp(-exponent) / (2 * math.pi * np.sqrt(free)))


def _like(d: Numbers, found: Array) -> Numbers:
    return float(found) if isinstance(d, float) else found


@lru_cache(maxsize=1)
def _rule() -> tuple[Array, Array]:
    """Nodes and weights of a Gauss–Legendre rule on the interval from 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(48)
    return (nodes + 1) / 2, weights / 2
