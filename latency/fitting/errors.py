"""The errors of predicted latencies relative to measured ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Errors:
    """Errors of predictions, in percent, except `count` and `spearman`.

    count: number of values. mape: mean of |predicted / measured − 1|. rmspe: root of the mean of its square. within5,
    within10: share of the values with an error of at most 5 % and 10 %. spearman: rank correlation, None for fewer than
    two values.
    """

    count: int
    mape: float
    rmspe: float
    within5: float
    within10: float
    spearman: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the errors for JSON, by the names of the fields."""
        return asdict(self)

    def __str__(self) -> str:
        rank = "" if self.spearman is None else f", Spearman {self.spearman:.4f}"
        return (
            f"within ±10 % {self.within10:.1f} %, ±5 % {self.within5:.1f} %, MAPE {self.mape:.2f} %, "
            f"RMSPE {self.rmspe:.2f} %{rank} ({self.count:,})"
        )


def errors(predicted: Sequence[float], measured: Sequence[float]) -> Errors:
    """Compare predictions with measurements. Raises ValueError for no values, values not above 0 or unequal lengths."""
    if not predicted or any(not m > 0 for m in measured):
        raise ValueError("errors need at least one value, and measured latencies above 0")
    off = [p / m - 1 for p, m in zip(predicted, measured, strict=True)]
    count = len(off)
    return Errors(
        count,
        100 * sum(map(abs, off)) / count,
        100 * math.sqrt(sum(x * x for x in off) / count),
        100 * sum(abs(x) <= 0.05 for x in off) / count,
        100 * sum(abs(x) <= 0.10 for x in off) / count,
        _spearman(predicted, measured),
    )


def _spearman(predicted: Sequence[float], measured: Sequence[float]) -> float | None:
    if len(set(predicted)) < 2 or len(set(measured)) < 2:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(predicted, measured).statistic)
