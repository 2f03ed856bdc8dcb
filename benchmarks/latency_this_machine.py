"""Profiles of the machine that they were made on: whole networks that were not fitted, measured and predicted.

The networks are the published ones, random ones of XXBL and IDW_fixfc, and three of torchvision's. The
references of the profile are timed before every few networks, so that predictions are as of then. With --rows, each
network is kept in a file as soon as it is measured, and a run that was ended is carried on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.common import print_machine
from latency.base import LatencyError, MeasureSettings
from latency.fitting.errors import Errors, errors
from latency.fitting.making import write_profile
from latency.predicting.profile import FOLDER, Profile, load_profile
from PlainNet.files import write_text
from zennas.budget.recalibrating import Recalibrated, as_of_now
from zennas.named.networks import Network
from zennas.report.predictions import predict
from zennas.report.profile_errors import evaluate, measured_as, usual_networks

WHOLE = "whole networks"
LIMITS = (
    "Valid only for the machine on which it was measured, with this number of threads. Single short kernels are "
    "predicted poorly, because the profiler counts whole microseconds; they account for a small part of a network's "
    "time."
)
WITHIN = {"int8": 80}
WITHIN_ELSE = 90
"""Least percentage of networks within ±10 % as of now, by precision."""
LEAST = 24
EVERY = 4
"""After so many networks the references are timed again."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profiles", nargs="*", default=["this-machine-fp32", "this-machine-int8"])
    parser.add_argument("--write", action="store_true", help="note the errors in the profile and its card")
    parser.add_argument("--seconds", type=float, default=5.0, help="time limit for each network")
    parser.add_argument("--rows", type=Path, metavar="FOLDER", help="keep measured networks here, and carry on")
    wanted = parser.parse_args()
    print_machine()
    for name in wanted.profiles:
        profile = load_profile(name)
        try:
            settings = measured_as(profile, seconds=wanted.seconds)
        except LatencyError as reason:
            print(f"{name}: skipped, {reason}")
            continue
        made = _report(profile, settings, _rows(profile, settings, wanted.rows))
        if wanted.write:
            held = {WHOLE: made.to_json(), **{k: v for k, v in profile.about["held_out"].items() if k != WHOLE}}
            noted = replace(profile, about={**profile.about, "held_out": held, "limits": LIMITS})
            print(f"  wrote {write_profile(FOLDER / f'{profile.name}.json', noted)}")


def _rows(profile: Profile, settings: MeasureSettings, folder: Path | None) -> list[dict[str, Any]]:
    """Measure the networks that are not in the folder yet, and return all rows."""
    path = None if folder is None else folder / f"{profile.name}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8")) if path is not None and path.is_file() else []
    now: Recalibrated | None = None
    for one in usual_networks():
        if any(row["network"] == one.name for row in rows):
            continue
        if now is None or len(rows) % EVERY == 0:
            now = as_of_now(profile, settings)
        rows.append(_row(one, profile, now, settings))
        if path is not None:
            write_text(path, json.dumps(rows, indent=1))
    return rows


def _row(one: Network, profile: Profile, now: Recalibrated, settings: MeasureSettings) -> dict[str, Any]:
    try:
        (row,) = evaluate(profile, [one], settings).rows
    except LatencyError as reason:
        return {"network": one.name, "refused": str(reason)}
    later = predict(one, now.profile, settings.batch_size).latency_ms
    return {**row.to_json(), "as_of_now_ms": later, "drift": str(now.drift)}


def _report(profile: Profile, settings: MeasureSettings, rows: Sequence[dict[str, Any]]) -> Errors:
    """Print the rows and the errors. Returns the errors as of now."""
    print(f"{profile.name}: {settings.backend} {settings.precision}, threads {settings.threads}, ", end="")
    print(f"batch {settings.batch_size}; measured, predicted as made, and as of now")
    kept = [row for row in rows if "refused" not in row]
    for row in kept:
        ms, before, now = row["measured_ms"], row["predicted_ms"], row["as_of_now_ms"]
        times = f"{ms:8.3f} ms  {before:8.3f} ms {100 * (before / ms - 1):+6.1f} %  {now:8.3f} ms"
        note = "" if row["settled"] else "  (not settled)"
        print(f"  {times} {100 * (now / ms - 1):+6.1f} %  {row['network'][:60]}{note}")
    for row in rows:
        if "refused" in row:
            print(f"  left out: {row['network'][:60]}: {row['refused']}")
    measured = [row["measured_ms"] for row in kept]
    made, now = (errors([row[of] for row in kept], measured) for of in ("predicted_ms", "as_of_now_ms"))
    for drift in dict.fromkeys(row["drift"] for row in kept):
        print(f"  since it was made: {drift}")
    within = WITHIN.get(profile.precision, WITHIN_ELSE)
    print(f"  as it was made: {made}")
    print(f"  as of now: {now}")
    reached = now.within10 >= within and now.count >= LEAST
    print(f"  within ±10 % for at least {within} % of at least {LEAST}: {'reached' if reached else 'MISSED'}")
    return now


if __name__ == "__main__":
    main()
