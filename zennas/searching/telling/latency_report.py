"""What a run knows about the latency of its winner: the budget, the prediction, the measurement, and remarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zennas.budget.budgets import LatencyLimit
from zennas.runs.candidate import Candidate, Latency

PREDICTED_ONLY = "predicted only"
MEASURED, ESTIMATED = "measured", "estimated"


@dataclass(frozen=True)
class LatencyReport:
    """The latency of the winner on one device.

    notes: why nothing was measured, whether the budget is exceeded, and where the prediction extrapolates. check:
    "measured", or "estimated" if a compiler was asked instead of a device.
    """

    limit: LatencyLimit
    found: Latency
    notes: tuple[str, ...]
    check: str = MEASURED

    @property
    def within(self) -> bool:
        """Whether the budget is met, by the measured latency if there is one."""
        return self.found.ms <= self.limit.ms

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON; latencies are in milliseconds per image."""
        found = self.found
        return {
            "source": self.limit.source,
            "batch_size": self.limit.batch_size,
            "budget_ms": self.limit.ms,
            **latency_json(found),
            "check": self.check,
            "within_budget": self.within,
            "notes": list(self.notes),
        }


def latency_json(found: Latency) -> dict[str, Any]:
    interval = None if found.low is None else [found.low, found.high]
    return {
        "predicted_ms": found.predicted,
        "measured_ms": found.measured,
        "interval_ms": interval,
        "p90_ms": found.p90,
        "settled": found.settled,
    }


def latency_reports(
    best: Candidate | None, limits: Sequence[LatencyLimit], known: dict[str, Any]
) -> tuple[LatencyReport, ...]:
    """Return one report for each limit. known: the fact that `searching/choosing/finals.py` stores, empty before the
    end of a search.
    """
    if best is None:
        return ()
    return tuple(_report(best, limit, known.get(limit.source) or {}) for limit in limits)


def _report(best: Candidate, limit: LatencyLimit, known: dict[str, Any]) -> LatencyReport:
    found = best.latency.get(limit.source, Latency())
    compiler = known.get("conditions", {}).get("compiler")
    check = MEASURED if compiler is None else ESTIMATED
    notes: list[str] = []
    failure = known.get("failed", {}).get(str(best.id))
    if known.get("absent"):
        notes.append(known["absent"] if limit.way == "estimated" else f"{PREDICTED_ONLY}: {known['absent']}")
    elif failure:
        notes.append(f"it could not be {check}: {failure}")
    now = known.get("now")
    if now and found.measured is not None:
        notes += now["text"]
        if now["predicted_ms"] is not None:
            notes.append(f"as of now, the profile predicts {now['predicted_ms']:.4g} ms per image")
    if not found.settled:
        notes.append("the measurement did not settle: the machine was busy, or the time was too short")
    if compiler is not None:
        notes.append(f"no device was timed, {compiler} compiled the best networks for {known['conditions']['system']}")
    if found.measured is not None and found.ms > limit.ms:
        tried = len(known.get("measured", []))
        over = f"the {check} latency is over the budget for all of the best {tried}: search with a lower budget"
        notes.append(over if compiler else f"{over}, or with a profile of this machine (zennas latency profile)")
    notes += [f"extrapolated: {line}" for line in known.get("outside", [])]
    return LatencyReport(limit, found, tuple(notes), check)
