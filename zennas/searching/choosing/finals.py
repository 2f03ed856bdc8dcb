"""Measuring the latencies of the best candidates on the devices of the budget that are present. For a profile of a
compiler's estimates, the compiler is asked.

`hold` is the last step of a search with a latency budget. It stores the latencies of candidates, and under the fact
"latency", by source, which candidates were measured, and why others were not. A profile that predicted is recalibrated
as well, so that a machine that drifted is not taken for a predictor that errs. What reads this is
`searching/telling/latency_report.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from latency.base import LatencyError
from zennas.budget.meters import Device, Predicted, checked
from zennas.runs.candidate import Candidate
from zennas.runs.store import Store
from zennas.searching.settings import SearchSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from latency.base import MeasureSettings
    from zennas.budget.meters import Way
    from zennas.budget.sources import Compiler

FACT = "latency"


def hold(
    store: Store,
    settings: SearchSettings,
    devices: Sequence[Device],
    ranked: Sequence[Candidate],
    progress: Callable[[int, int], None],
) -> Candidate:
    """Return the first of `ranked` whose measured latency meets the budget, otherwise the first of all.

    If none of the devices is present, nothing is measured, and the predictions count.

    progress: called with the number of candidates done and their total.
    """
    known: dict[str, Any] = store.get(FACT) or {}
    ways = {device.limit.source: device.how() for device in devices}
    can = [device for device in devices if not isinstance(ways[device.limit.source], str)]
    for source, way in ways.items():
        known.setdefault(source, {"measured": [], "failed": {}})["absent"] = way if isinstance(way, str) else None
    for i, candidate in enumerate(ranked if can else ()):
        progress(i, len(ranked))
        for device in can:
            way = ways[device.limit.source]
            assert not isinstance(way, str)
            _measure(store, settings, device, way, candidate, known)
    if can:
        progress(len(ranked), len(ranked))
    best = _first_within(store, settings, ranked, known)
    for device in devices:
        known[device.limit.source]["outside"] = device.outside(best.structure)
        known[device.limit.source]["now"] = _predicted_now(best, device, ways[device.limit.source], settings)
    store.put({FACT: known})
    return best


def _predicted_now(best: Candidate, device: Device, way: Way, settings: SearchSettings) -> dict[str, Any] | None:
    """What the profile of a device predicts as of now, in ms per image, and how the machine has drifted.

    None if nothing predicts, the device is not here, or the profile has no references.
    """
    from latency.base import MeasureSettings
    from zennas.budget.recalibrating import as_of_now, can_recalibrate

    profile = device.profile()
    if profile is None or not isinstance(way, MeasureSettings) or not can_recalibrate(profile, way.batch_size):
        return None
    try:
        now = as_of_now(profile, way)
    except LatencyError as error:
        return {"predicted_ms": None, "text": [f"the profile could not be recalibrated: {error}"]}
    again = Predicted(device.limit, settings.network, now.profile)
    return {"predicted_ms": again(best.structure).predicted, "text": now.text()}


def _measure(
    store: Store,
    settings: SearchSettings,
    device: Device,
    way: MeasureSettings | Compiler,
    candidate: Candidate,
    known: dict[str, Any],
) -> None:
    """Measure one candidate on one device, unless this was already done before an interruption."""
    source = device.limit.source
    done = known[source]
    if candidate.id in done["measured"] or str(candidate.id) in done["failed"]:
        return
    before = candidate.latency.get(source)
    try:
        predicted = None if before is None else before.predicted
        latency, done["conditions"] = checked(candidate.structure, settings.network, way, predicted)
    except LatencyError as error:
        done["failed"][str(candidate.id)] = str(error)
        store.put({FACT: known})
        return
    done["measured"].append(candidate.id)
    store.add_latencies(candidate.id, {source: latency}, {FACT: known})


def _first_within(
    store: Store, settings: SearchSettings, ranked: Sequence[Candidate], known: dict[str, Any]
) -> Candidate:
    limits = {limit.source: limit.ms for limit in settings.budget.latency}
    latencies = {candidate.id: candidate.latency for candidate in store.candidates(c.id for c in ranked)}
    for candidate in ranked:
        failed = any(str(candidate.id) in known[source]["failed"] for source in limits)
        if not failed and all(latencies[candidate.id][source].ms <= ms for source, ms in limits.items()):
            return candidate
    return ranked[0]
