"""Curves of simulated searches: how good the best network is after each trained one, over many seeds.

The *incumbent* is the value, in the reported column, of the network that is best by the column that the search
maximises: what a user gets. The *oracle* is the best reported value among all networks trained so far, which published
curves show; nobody can choose that network without looking at the test images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zennas.searching.simulations.courses import Course

Floats: TypeAlias = NDArray[np.float64]

BAND = (10, 90)
"""The percentiles over seeds between which a band lies."""


@dataclass(frozen=True, eq=False)
class Curves:
    """The curves of several searches, which differ in their seeds.

    incumbent, oracle: in percent, (seeds, evaluations). A search that ended early keeps its last value.
    seconds: the time at which each value was reached, (seeds, evaluations).
    complete: how many searches have used all evaluations. ranked: structures that the guides scored, on average.
    """

    incumbent: Floats
    oracle: Floats
    seconds: Floats
    complete: int
    ranked: float

    @classmethod
    def of(cls, courses: Sequence[Course], evaluations: int) -> Curves:
        """Return the curves of some searches, at least one."""
        incumbent = np.stack([_filled(_incumbent(one), evaluations) for one in courses])
        oracle = np.stack([_filled(np.maximum.accumulate(np.asarray(one.reported)), evaluations) for one in courses])
        seconds = np.stack([_filled(np.asarray(one.seconds), evaluations) for one in courses])
        complete = sum(len(one.reported) >= evaluations for one in courses)
        return cls(incumbent, oracle, seconds, complete, float(np.mean([one.ranked for one in courses])))

    @property
    def evaluations(self) -> list[int]:
        """The number of trained networks at each place of a curve."""
        return list(range(1, self.incumbent.shape[1] + 1))

    def over_seconds(self) -> OverSeconds:
        """Return the curves over time instead of trained networks.

        The times are those, on average, of each trained network, from when every search has one.
        """
        mean = self.seconds.mean(axis=0)
        times = np.unique(np.maximum(mean, self.seconds[:, 0].max()))
        places = np.stack([np.searchsorted(row, times, side="right") - 1 for row in self.seconds])
        incumbent, oracle = (np.take_along_axis(one, places, axis=1) for one in (self.incumbent, self.oracle))
        return OverSeconds(times, incumbent, oracle)

    def to_json(self) -> dict[str, Any]:
        """Return the means over seeds, and bands, one value for each evaluation."""
        return {"evaluations": self.evaluations, **_both_json(self.incumbent, self.oracle)}


@dataclass(frozen=True, eq=False)
class OverSeconds:
    """Curves over time. seconds: (times,), rising. incumbent, oracle: in percent, (seeds, times)."""

    seconds: Floats
    incumbent: Floats
    oracle: Floats

    def to_json(self) -> dict[str, Any]:
        """Return the times, and means over seeds and bands at each."""
        return {"seconds": self.seconds.tolist(), **_both_json(self.incumbent, self.oracle)}


def standard_error(values: Floats) -> float:
    """Return the standard error of the mean of values, (seeds,); 0 for a single one."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def band(values: Floats) -> Floats:
    """Return the lower and the upper end of the band of curves, from (seeds, evaluations) to (2, evaluations)."""
    return np.asarray(np.percentile(values, BAND, axis=0))


def _both_json(incumbent: Floats, oracle: Floats) -> dict[str, Any]:
    return {
        "incumbent": incumbent.mean(axis=0).tolist(),
        "oracle": oracle.mean(axis=0).tolist(),
        "incumbent_band": _band_json(incumbent),
        "oracle_band": _band_json(oracle),
    }


def _band_json(values: Floats) -> dict[str, Any]:
    low, high = band(values)
    return {"percentiles": list(BAND), "low": low.tolist(), "high": high.tolist()}


def _incumbent(course: Course) -> Floats:
    """The reported value of the best so far; of equal ones, of the first."""
    best = np.maximum.accumulate(np.asarray(course.chosen_by))
    first = np.append(True, best[1:] > best[:-1])
    places = np.maximum.accumulate(np.where(first, np.arange(len(best)), 0))
    return np.asarray(course.reported)[places]


def _filled(values: Floats, length: int) -> Floats:
    return np.append(values[:length], np.full(max(0, length - len(values)), values[-1]))
