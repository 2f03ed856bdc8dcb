"""Budgets as numbers: which architectures of a sample fit each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from PlainNet import Cost
from zennas.accuracy.tables.sheets import Found
from zennas.common.errors import WrongSettingError
from zennas.common.numbers import format_count
from zennas.correlation.limits import COUNTS, Limit
from zennas.correlation.regret import within
from zennas.correlation.settings import CorrelateSettings
from zennas.correlation.statistics import Floats

COMBINED = "combined"


@dataclass(frozen=True)
class Scenario:
    """One budget. label: as text; limit: the largest cost, None if several costs are limited; fitting: how many
    architectures of the sample fit it; best: the best accuracy among them in percent.
    """

    label: str
    limit: float | None
    fitting: int
    best: float


@dataclass(frozen=True, eq=False)
class Kind:
    """The budgets of one cost, from the smallest to the largest limit.

    name: one of `COUNTS`, the name of a latency column, or "combined". unit: "ms", or "" for counts. costs: (n,), NaN
    where unknown; None for "combined". fits: (budgets, n).
    """

    name: str
    unit: str
    costs: Floats | None
    scenarios: tuple[Scenario, ...]
    fits: NDArray[np.bool_]


def kinds_of(
    settings: CorrelateSettings, costs: Sequence[Cost], columns: Mapping[str, Found], accuracies: Floats
) -> tuple[Kind, ...]:
    """Return the budgets of a run by kind, none if it has none.

    Raises WrongSettingError naming the budget and the smallest cost if no architecture fits it.
    """
    counts = {name: np.array([getattr(cost, name) for cost in costs], dtype=np.float64) for name in COUNTS}
    wanted = [(name, "", counts[name], settings.limits(name)) for name in COUNTS]
    for asked in settings.latency_names:
        limits = tuple(limit for limit in settings.limits("latency_ms") if limit.column in (None, asked))
        wanted.append((columns[asked].name, "ms", columns[asked].values, limits))
    found = [_kind(name, unit, values, limits, accuracies) for name, unit, values, limits in wanted if limits]
    names = [kind.name for kind in found]
    for name in names:
        if names.count(name) > 1:
            raise WrongSettingError(f"latency_columns names the column {name} twice, expected it once")
    together = _combined(settings, {**counts, **{name: column.values for name, column in columns.items()}}, accuracies)
    return (*found, *together)


def _kind(name: str, unit: str, costs: Floats, limits: Sequence[Limit], accuracies: Floats) -> Kind:
    values = sorted((_value(limit, costs), limit.share or 0.0, limit.text) for limit in limits)
    fits = within(costs, np.array([value for value, _, _ in values]))
    scenarios = []
    for (value, _, text), fitting in zip(values, fits, strict=True):
        if not fitting.any():
            raise WrongSettingError(
                f"no architecture of the sample fits {name} ≤ {text}, expected at least "
                f"{amount(float(np.nanmin(costs)), unit)}, the smallest of the sample"
            )
        label = f"{text} ({amount(value, unit)})" if "%" in text else amount(value, unit)
        scenarios.append(Scenario(label, value, int(fitting.sum()), float(accuracies[fitting].max())))
    return Kind(name, unit, costs, tuple(scenarios), fits)


def _combined(settings: CorrelateSettings, costs: Mapping[str, Floats], accuracies: Floats) -> tuple[Kind, ...]:
    scenarios, masks = [], []
    for text, parts in settings.combined_limits:
        each = [within(costs[one.name], np.array([_value(one.limit, costs[one.name])]))[0] for one in parts]
        fitting = np.logical_and.reduce(each)
        if not fitting.any():
            alone = ", ".join(f"{one.name} {mask.sum():,}" for one, mask in zip(parts, each, strict=True))
            raise WrongSettingError(
                f"no architecture of the sample fits the budget {text}; the single limits are met by: {alone}; raise "
                "one of them"
            )
        masks.append(fitting)
        scenarios.append(Scenario(text, None, int(fitting.sum()), float(accuracies[fitting].max())))
    return (Kind(COMBINED, "", None, tuple(scenarios), np.array(masks)),) if masks else ()


def _value(limit: Limit, costs: Floats) -> float:
    """The largest cost that fits. A share is met by the cost of an architecture of the sample, not by one between."""
    if limit.value is not None:
        return limit.value
    assert limit.share is not None
    return float(np.quantile(costs[~np.isnan(costs)], limit.share, method="lower"))


def amount(value: float, unit: str) -> str:
    """Return a cost as text: `129k`, or `3.61 ms`."""
    return f"{value:.4g} {unit}" if unit else format_count(value)
