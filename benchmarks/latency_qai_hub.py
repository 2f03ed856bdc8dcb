"""Profiles of Qualcomm devices from published latencies: each network predicted from the others, leaving one out.

The latencies are those of some twenty convolutional classifiers in the package qai-hub-models, which QAI_HUB names: the
wheel that pip download --no-deps qai-hub-models fetches. Each device, in float and in w8a8, makes a profile as with
`zennas latency qai-hub` and `zennas latency adapt`; of devices that share their numbers, one is taken.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from statistics import mean

from benchmarks.common import print_machine
from latency.fitting.adapting import LEAST
from latency.fitting.errors import Errors, errors
from latency.kernels import Fusion
from latency.predicting.hardware import processor
from latency.predicting.profile import Profile
from zennas.report.adapting import Inputs, MeasuredLatency, adapted_profile
from zennas.report.qai_hub import NETWORKS, Kind, kinds, latencies, of_kind, twins

RUNTIME = "tflite"
PRECISIONS = {"float": "fp16", "w8a8": "int8"}
"""What the profile states: NPUs compute float networks in half precision."""


def main() -> None:
    package = os.environ.get("QAI_HUB")
    if package is None:
        sys.exit("QAI_HUB names no package: pip download --no-deps qai-hub-models, and set it to the wheel")
    print_machine()
    path = Path(package)
    found = latencies(path)
    print(f"{path.name}; {RUNTIME}, networks of 224×224 pixels, each predicted from the others")
    networks = {name: Inputs().read(name) for name in NETWORKS.values()}
    found_errors: dict[str, list[Errors]] = {precision: [] for precision in PRECISIONS}
    alike = twins(found)
    for kind, count in sorted(kinds(found).items()):
        if kind.device in alike or kind.runtime != RUNTIME or kind.precision not in PRECISIONS or count < LEAST:
            continue
        measured = [MeasuredLatency(networks[one.network], one.ms, one.network) for one in of_kind(found, kind)]
        _, left_out = adapted_profile(_blank(kind), measured, (), "")
        got = errors([one.predicted for one in left_out], [one.measured for one in left_out])
        found_errors[kind.precision].append(got)
        print(f"{kind.device:34} {kind.precision:6} {got}", flush=True)
    for precision, values in found_errors.items():
        if values:
            within, ranks = mean(one.within10 for one in values), [one.spearman or 0.0 for one in values]
            print(
                f"{precision}, {len(values)} devices: within ±10 % {within:.1f} % in the mean; "
                f"Spearman {mean(ranks):.3f} in the mean, {min(ranks):.3f} at least"
            )


def _blank(kind: Kind) -> Profile:
    precision = PRECISIONS[kind.precision]
    return Profile(kind.device, kind.device, kind.runtime, precision, 1, processor(precision), Fusion(), models=())


if __name__ == "__main__":
    main()
