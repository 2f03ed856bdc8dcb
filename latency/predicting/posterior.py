"""What few measurements say of a profile's rates, and the interval of a prediction that follows from it. No torch.

The time of a network is a sum of terms, each a rate times an amount: kernels, multiply–accumulates, or bytes. The
logarithms of the rates are known up to a covariance, so the logarithm of a network's time has a variance, which is
small for networks like those that were measured and large for others. `latency/fitting/adapting.py` finds both.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latency.kernels import CONV, KINDS, Kernel

Floats = NDArray[np.float64]

CONSTANT, EACH, MAC, BYTE, MODEL = "constant", "kernel", "mac", "byte", "model"
PARTS = (CONSTANT, EACH, MAC, BYTE, MODEL)
"""What a rate is per: a batch, a kernel, a multiply–accumulate, a byte, or a ms that another profile predicts."""
SHARE = 90.0
"""Percentage of the intervals that contain the measured latency."""
DEVIATIONS = 1.6449
"""The quantile of the normal distribution that belongs to `SHARE`."""
_MOST = 200


class Term(NamedTuple):
    """A part of a network's time. part: one of `PARTS`. kind, window: of the kernels, as `window_of` has it; a constant
    has neither."""

    part: str
    kind: str = ""
    window: int = 0


def window_of(kernel: Kernel) -> int:
    """Return what distinguishes kernels of one kind: 1 and 2 for convolutions of one and of more positions, else 0."""
    return min(kernel.kernel, 2) if kernel.kind == CONV else 0


@dataclass(frozen=True, eq=False)
class Posterior:
    """How well the rates of a profile are known.

    terms: those of the time, K. covariance: (K, K), of the logarithms of their rates. spread: standard deviation of the
    logarithm of a measured time around the law. count: number of measured networks.
    """

    terms: tuple[Term, ...]
    covariance: Floats
    spread: float
    count: int

    @cached_property
    def _index(self) -> dict[Term, int]:
        return {term: i for i, term in enumerate(self.terms)}

    def deviation(self, parts: Mapping[Term, float]) -> float:
        """Return the standard deviation of the logarithm of a time that consists of these parts."""
        share = np.zeros(len(self.terms))
        for term, ms in parts.items():
            place = self._index.get(term, self._index.get(Term(MODEL, term.kind, term.window)))
            if place is not None:
                share[place] += ms
        share /= sum(parts.values())
        return math.sqrt(max(0.0, float(share @ self.covariance @ share)) + self.spread**2)

    def interval(self, ms: float, parts: Mapping[Term, float]) -> tuple[float, float]:
        """Return the ends of the interval of `SHARE` per cent around a prediction, in its unit. parts: in any unit."""
        factor = math.exp(DEVIATIONS * self.deviation(parts))
        return ms / factor, ms * factor

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON: the covariance as a lower triangle, row by row, of float32 in little-endian base64."""
        triangle = self.covariance[np.tril_indices(len(self.terms))].astype("<f4")
        return {
            "terms": [list(term) for term in self.terms],
            "covariance": base64.b64encode(triangle.tobytes()).decode(),
            "spread": self.spread,
            "count": self.count,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Posterior:
        """Read it. Raises ValueError, KeyError or TypeError for data that `to_json` cannot have written."""
        terms = tuple(Term(part, kind, window) for part, kind, window in stored["terms"])
        if not 0 < len(terms) <= _MOST or len(set(terms)) < len(terms):
            raise ValueError(f"a posterior of {len(terms)} terms, expected 1 to {_MOST} different ones")
        for term in terms:
            if term.part not in PARTS or term.kind not in (*KINDS, "") or type(term.window) is not int:
                raise ValueError(f"a term {list(term)} of the posterior that is unknown")
        triangle = np.frombuffer(base64.b64decode(stored["covariance"], validate=True), dtype="<f4").astype(np.float64)
        rows, columns = np.tril_indices(len(terms))
        if triangle.shape != rows.shape:
            raise ValueError(f"a covariance of {triangle.size} numbers, expected {rows.size}")
        covariance = np.zeros((len(terms), len(terms)))
        covariance[rows, columns] = covariance[columns, rows] = triangle
        if not np.isfinite(triangle).all() or (np.diag(covariance) < 0).any() or np.abs(triangle).max() > _MOST:
            raise ValueError("a covariance that is none")
        return cls(terms, covariance, stored["spread"], stored["count"])


def summed(parts: Iterable[tuple[Term, float]]) -> dict[Term, float]:
    """Return the sum for each term."""
    found: dict[Term, float] = {}
    for term, ms in parts:
        found[term] = found.get(term, 0.0) + ms
    return found
