"""Doubts about a finished search: limits that limited nothing or that nobody asked for, iterations used up early."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from zennas.budget.budgets import DEFAULT_LAYERS, Budget
from zennas.common.numbers import format_count
from zennas.runs.candidate import Candidate, Latency

LOOSE = 0.5
"""A limit is in doubt if it rejected nothing and the best needs less than this share of it,"""
FAR = 0.2
"""or if the best needs less than this share, whatever was rejected on the way."""


class _Use(NamedTuple):
    """A limit, what the best has of it, how often it rejected a structure, and both values as text."""

    share: float
    rejected: int
    found: str
    limit: str


def remarks(
    budget: Budget, best: Candidate, memories: Mapping[str, int], rejected: Mapping[str, int]
) -> tuple[str, ...]:
    """Return remarks about the budget, each in one line.

    memories: those of the best in bytes. rejected: how often each limit rejected a structure.
    """
    default = has_default_depth(budget)
    lines = []
    if default:
        lines.append(
            f"layers ≤ {budget.layers} is the default if only latency or RAM is limited: set --max-layers, or lift it "
            "with --any-depth"
        )
    for name, use in _uses(budget, best, memories, rejected):
        if use.share < (FAR if use.rejected else LOOSE) and not (default and name == "layers"):
            unit = "; is the unit right, and the device?" if name == "latency" else ""
            lines.append(
                f"the budget {use.limit} did not bind: the best has {use.found}, {100 * use.share:.2g} % of it{unit}"
            )
    return tuple(lines)


def start_remark(iterations: int, counts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a remark if finding a first structure within the budget has used up all iterations of a search.

    counts: `tried`, `scored` and, by reason, `rejected`.
    """
    if counts["tried"] < iterations or counts["rejected"].get("start", 0) < iterations:
        return ()
    return (
        f"all {iterations:,} iterations were needed to get within the budget, so nothing was searched: give more "
        "--iterations, or a structure within the budget as --initial",
    )


def has_default_depth(budget: Budget) -> bool:
    """Whether the limit of layers is that of `searching/depth.py`."""
    return (
        bool(budget.latency or budget.ram)
        and budget.flash is None
        and budget.params is None
        and budget.flops is None
        and budget.layers == DEFAULT_LAYERS
    )


def _uses(
    budget: Budget, best: Candidate, memories: Mapping[str, int], rejected: Mapping[str, int]
) -> Iterator[tuple[str, _Use]]:
    for name, limit in budget.limits().items():
        value = getattr(best.cost, name)
        yield name, _Use(value / limit, rejected.get(name, 0), format_count(value), f"{name} ≤ {format_count(limit)}")
    for name, limit in budget.memories().items():
        shown, value = f"{name} ≤ {format_count(limit)} bytes", memories[name]
        yield name, _Use(value / limit, rejected.get(name, 0), f"{format_count(value)} bytes", shown)
    for each in budget.latency:
        found = best.latency.get(each.source, Latency())
        if found.predicted is not None or found.measured is not None:
            share = found.ms / each.ms
            yield "latency", _Use(share, rejected.get(f"latency {each.label}", 0), f"{found.ms:.3g} ms", str(each))
