"""What each score loses by its choices under the budgets of one kind, with intervals; beside it, a pick at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zennas.correlation.regret import Counts, design_regrets
from zennas.correlation.scenarios import Kind
from zennas.correlation.statistics import Estimate, Floats, with_interval

RANDOM = "random pick"
"""The name of the row that picks among all that fit with equal chance, which any score has to beat."""


@dataclass(frozen=True)
class Choices:
    """The design regret of one score in percentage points, see `regret.py`; lower is better.

    mean, median: over the budgets. best_of_top, mean_of_top: of the best and the mean of its ten picks, as means over
    the budgets. by_budget: of the pick at each budget. None where nothing that fits has a score, and for what is made
    of several budgets if this is so for one of them.
    """

    name: str
    mean: Estimate | None
    median: Estimate | None
    best_of_top: Estimate | None
    mean_of_top: Estimate | None
    by_budget: tuple[Estimate | None, ...]

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            name: None if one is None else one.to_json()
            for name, one in vars(self).items()
            if name not in ("name", "by_budget")
        }
        each = [None if one is None else one.to_json() for one in self.by_budget]
        return {"proxy": self.name, **found, "by_budget": each}

    @classmethod
    def from_json(cls, stored: Any) -> Choices:
        """Raises KeyError or TypeError if it is not what `to_json` returns."""
        return cls(
            stored["proxy"],
            _estimate(stored["mean"]),
            _estimate(stored["median"]),
            _estimate(stored["best_of_top"]),
            _estimate(stored["mean_of_top"]),
            tuple(map(_estimate, stored["by_budget"])),
        )


@dataclass(frozen=True, eq=False)
class Regret:
    """The design regrets under the budgets of one kind: of the pick at random, the baselines, then the proxies, the
    smallest mean first.
    """

    kind: Kind
    rows: tuple[Choices, ...]

    def row(self, name: str) -> Choices:
        """Return the row of a proxy, a baseline or `RANDOM`. Raises KeyError if there is none."""
        return {row.name: row for row in self.rows}[name]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind.name,
            "unit": self.kind.unit,
            "budgets": [vars(one) for one in self.kind.scenarios],
            "rows": [row.to_json() for row in self.rows],
        }


def choices_of(name: str, scores: Floats, accuracies: Floats, fits: NDArray[np.bool_], counts: Counts) -> Choices:
    """Return the regrets of a score: scores and accuracies (n,), higher is better; fits (budgets, n); counts of
    resamples (r, n).
    """
    ours = design_regrets(scores, accuracies, fits)
    others = design_regrets(scores, accuracies, fits, counts)
    return Choices(
        name,
        _over_budgets(ours.pick, others.pick),
        with_interval(float(np.median(ours.pick)), _known(others.pick, np.nanmedian)),
        _over_budgets(ours.best_of_top, others.best_of_top),
        _over_budgets(ours.mean_of_top, others.mean_of_top),
        tuple(with_interval(float(value), each) for value, each in zip(ours.pick, others.pick, strict=True)),
    )


def ordered(rows: Sequence[Choices], first: Sequence[str]) -> tuple[Choices, ...]:
    """Return the rows with the pick at random first, then those named in `first`, each by their mean."""

    def place(row: Choices) -> tuple[bool, bool, float]:
        return row.name != RANDOM, row.name not in first, np.inf if row.mean is None else row.mean.value

    return tuple(sorted(rows, key=place))


def _over_budgets(ours: Floats, others: Floats) -> Estimate | None:
    return with_interval(float(ours.mean()), _known(others, np.nanmean))


def _known(values: Floats, over: Any) -> Floats:
    """A mean or median of each resample, over the budgets that something fits there; (budgets, r) to at most (r,)."""
    there = values[:, ~np.isnan(values).all(0)]
    return np.asarray(over(there, axis=0), dtype=np.float64)


def _estimate(stored: Any) -> Estimate | None:
    return None if stored is None else Estimate(stored["value"], *stored["interval"])
