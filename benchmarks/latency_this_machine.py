"""Profiles of the machine that they were made on: whole networks that were not fitted, measured and predicted.

The networks are the published ones, random ones of XXBL and IDW_fixfc, and torchvision's ResNet-18 and MobileNetV2.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from benchmarks.common import print_machine
from latency.base import LatencyError
from latency.fitting.making import write_profile
from latency.predicting.profile import FOLDER, load_profile
from zennas.budget.recalibrating import as_of_now
from zennas.report.profile_errors import drift_text, evaluate, measured_as, usual_networks

WHOLE = "whole networks"
LIMITS = (
    "Valid only for the machine on which it was measured, with this number of threads. Single short kernels are "
    "predicted poorly, because the profiler counts whole microseconds; they account for a small part of a network's "
    "time."
)
WITHIN = 80
"""Least percentage of networks within ±10 %."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profiles", nargs="*", default=["this-machine-fp32", "this-machine-int8"])
    parser.add_argument("--write", action="store_true", help="note the errors in the profile and its card")
    parser.add_argument("--seconds", type=float, default=5.0, help="time limit for each network")
    wanted = parser.parse_args()
    print_machine()
    for name in wanted.profiles:
        profile = load_profile(name)
        try:
            settings = measured_as(profile, seconds=wanted.seconds)
        except LatencyError as reason:
            print(f"{name}: skipped, {reason}")
            continue
        now = as_of_now(profile, settings)
        found = evaluate(profile, usual_networks(), settings)
        errors = found.errors
        print(
            f"{name}: {settings.backend} {settings.precision}, threads {settings.threads}, batch {settings.batch_size}"
        )
        for row in found.rows:
            note = "" if row.settled else "  (not settled)"
            times = f"{row.measured_ms:8.3f} ms  {row.predicted_ms:8.3f} ms  {100 * row.error:+6.1f} %"
            print(f"  {times}  {row.network[:70]}{note}")
        for line in found.refused_text():
            print(f"  {line}")
        reached = errors.within10 >= WITHIN and errors.count >= 20
        print(f"  {errors}")
        for line in drift_text(found, now):
            print(f"  {line}")
        if wanted.write:
            held = {WHOLE: errors.to_json(), **profile.about["held_out"]}
            made = replace(profile, about={**profile.about, "held_out": held, "limits": LIMITS})
            print(f"  wrote {write_profile(FOLDER / f'{profile.name}.json', made)}")
        print(f"  within ±10 % for at least {WITHIN} % of at least 20: {'reached' if reached else 'MISSED'}")


if __name__ == "__main__":
    main()
