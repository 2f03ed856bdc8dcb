"""Functions of one Gaussian variable, such as ReLU: moments, and how they change correlations. No torch.

A function f of x = mean + deviation · z, z ~ N(0, 1), has the Hermite expansion f = Σ a_k h_k(z). Two variables with
correlation r then have E[f f'] = Σ a_k² r^k, and their derivatives have E[f' f''] = Σ b_k² r^k with
b_k = √(k + 1) a_(k+1) / deviation (docs/mean-field.md, equations 4 and 5).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TypeAlias

import numpy as np

from ZeroShotProxy.engine.mean_field.torus import Array
from ZeroShotProxy.engine.moments import LIMIT

Function: TypeAlias = Callable[[Array], Array]
"""A function of one variable, element by element."""

_ORDERS = 8
"""The number of terms of an expansion. What they leave out of the second moment is added at the power `_ORDERS`."""


@dataclass(frozen=True, eq=False)
class Pointwise:
    """A function of N(mean, deviation²).

    mean, second: E[f] and E[f²]. kept: the share of the variance of f that is linear in x, a_1² / Var f.
    slope, slope2: E[f'] and E[f'²]. along: b_1², the part of f' that is linear in x.
    covariance, slopes: coefficients of r, r², … in Cov(f, f'), and of 1, r, r², … in E[f' f'']; the last entry has the
        remainder.
    """

    mean: float
    second: float
    kept: float
    slope: float
    slope2: float
    along: float
    covariance: Array
    slopes: Array

    @property
    def variance(self) -> float:
        return self.second - self.mean**2

    def covariance_at(self, r: float) -> float:
        """Return Cov(f, f') for the correlation r."""
        return _polynomial(self.covariance.tolist(), r) * r

    def slopes_at(self, r: float) -> float:
        """Return E[f' f''] for the correlation r."""
        return _polynomial(self.slopes.tolist(), r)


def series(coefficients: Array, r: Array, constant: bool) -> Array:
    """Return the sum of coefficients · r^k, k from 0 if `constant`, else from 1."""
    found = np.full_like(r, coefficients[-1])
    for a in coefficients[-2::-1]:
        found = found * r + a
    return found if constant else found * r


def _polynomial(coefficients: Sequence[float], r: float) -> float:
    found = 0.0
    for a in reversed(coefficients):
        found = found * r + a
    return found


@cache
def _grid() -> tuple[Array, Array, Array]:
    """Values of z, their weights, and the normalised Hermite polynomials there, (orders + 2, values)."""
    z = np.linspace(-9.0, 9.0, 7201)
    weights = np.exp(-z * z / 2)
    weights /= weights.sum()
    h = np.ones((_ORDERS + 2, len(z)))
    h[1] = z
    for k in range(1, _ORDERS + 1):
        h[k + 1] = (z * h[k] - math.sqrt(k) * h[k - 1]) / math.sqrt(k + 1)
    return z, weights, h


def _expanded(function: Function, mean: float, deviation: float) -> Pointwise:
    z, weights, h = _grid()
    x = mean + deviation * z
    y = function(x)
    a = h @ (weights * y)
    step = (z[1] - z[0]) * deviation / 2
    derivative = (function(x + step) - function(x - step)) / (2 * step)
    b = np.sqrt(np.arange(1, _ORDERS + 2)) * a[1:] / deviation
    second, slope2 = float(weights @ y**2), float(weights @ derivative**2)
    powers, slopes = a[1 : _ORDERS + 1] ** 2, b[: _ORDERS + 1] ** 2
    variance = second - float(a[0]) ** 2
    powers[-1] += max(0.0, variance - float(powers.sum()))
    slopes[-1] += max(0.0, slope2 - float(slopes.sum()))
    kept = float(a[1] ** 2) / variance if variance > 0 else 0.0
    return Pointwise(float(a[0]), second, kept, float(b[0]), slope2, float(b[1] ** 2), powers, slopes)


@lru_cache(maxsize=4096)
def _known(function: Function, mean: float, deviation: float) -> Pointwise:
    return _expanded(function, mean, deviation)


@lru_cache(maxsize=4096)
def pointwise(function: Function, mean: float, variance: float) -> Pointwise:
    """Return the description of `function` on N(mean, variance), both rounded to three digits and cached."""
    return _known(function, float(f"{mean:.3g}"), float(f"{math.sqrt(variance):.3g}"))


@lru_cache(maxsize=4096)
def relu(mean: float, variance: float) -> Pointwise:
    """Return the description of a ReLU on N(mean, variance)."""
    deviation = math.sqrt(variance)
    m = mean / deviation
    density, active = math.exp(-m * m / 2) / math.sqrt(2 * math.pi), math.erfc(-m / math.sqrt(2)) / 2
    # The second derivative of max(x, 0) is the delta function, whose expansion has Hermite polynomials at the mean.
    a = [m * active + density, active]
    polynomial, before = 1.0, 0.0
    for k in range(2, _ORDERS + 2):
        a.append(density * polynomial / math.sqrt(math.factorial(k)))
        polynomial, before = -m * polynomial - (k - 2) * before, polynomial
    first, second = a[0], (m * m + 1) * active + m * density
    powers = [one * one for one in a[1 : _ORDERS + 1]]
    slopes = [k * a[k] * a[k] for k in range(1, _ORDERS + 2)]
    spread = second - first * first
    powers[-1] += max(0.0, spread - sum(powers))
    slopes[-1] += max(0.0, active - sum(slopes))
    kept = active * active / spread if spread > 0 else 0.0
    return Pointwise(
        deviation * first,
        variance * second,
        kept,
        active,
        active,
        slopes[1],
        np.array(powers) * variance,
        np.array(slopes),
    )


def clipped(x: Array) -> Array:
    """min(max(x, 0), 6)."""
    return np.clip(x, 0.0, LIMIT)
