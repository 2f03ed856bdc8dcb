"""Where the error of a profile comes from: kernels of whole networks, measured one by one and predicted, by sort.

Weights and positions are what caches see: a kernel with many weights for few positions waits for memory in a large
network, and not in a small one.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import NamedTuple

from benchmarks.common import print_machine
from latency.fitting.campaign import kernel_times
from latency.kernels import WEIGHTED, Kernel
from latency.measuring.measure import measure_blocks
from latency.predicting.features import work
from latency.predicting.profile import Profile, load_profile
from PlainNet.sizes import area
from zennas.named.networks import network
from zennas.report.profile_errors import measured_as

NETWORKS = ("zennet_imagenet1k_latency01ms_res224", "zennet_imagenet1k_flops400M_SE_res224", "torchvision:resnet18")
WEIGHTS, POSITIONS = (64e3, 512e3, 2e6), (64, 1024, 16384)
"""Upper ends of classes: multiplied weights of a kernel, and output positions."""


class Sort(NamedTuple):
    """Kernels that are alike."""

    kind: str
    window: int
    added: bool
    weights: str
    positions: str

    def __str__(self) -> str:
        if self.kind not in WEIGHTED:
            return f"{self.kind} of {self.positions} positions"
        added = " and a sum" if self.added else ""
        return f"{self.kind} {self.window}x{self.window}{added}, {self.weights} weights, {self.positions} positions"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profile", nargs="?", default="this-machine-int8")
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--seconds", type=float, default=3.0, help="time limit for each network")
    wanted = parser.parse_args()
    print_machine()
    profile = load_profile(wanted.profile)
    settings = measured_as(profile, seconds=wanted.seconds)
    sums: defaultdict[Sort, list[float]] = defaultdict(lambda: [0.0, 0.0, 0])
    for name in wanted.networks:
        subject = network(name).subject()
        found = measure_blocks(subject, settings)
        times = kernel_times(subject.graph, profile.fusion, settings, found)
        predicted = sum(profile.kernel_ms(kernel) for kernel, _ in times)
        measured = sum(ms for _, ms in times)
        print(f"{name}: whole {found.whole.median:.3f} ms, kernels {measured:.3f} ms, predicted {predicted:.3f} ms")
        for kernel, ms in times:
            row = sums[_sort(kernel, profile)]
            row[:] = row[0] + ms, row[1] + profile.kernel_ms(kernel), row[2] + 1
    whole = sum(ms for ms, _, _ in sums.values())
    print("share of the time, predicted/measured, kernels, and which")
    for sort, (ms, predicted, count) in sorted(sums.items(), key=lambda one: -one[1][0]):
        print(f"  {100 * ms / whole:5.1f} %  {predicted / ms:5.2f}  {count:4.0f}  {sort}")


def _sort(kernel: Kernel, profile: Profile) -> Sort:
    weights = work(kernel, profile.hardware).weight_bytes / profile.hardware.element_bytes
    where = _below(weights, WEIGHTS), _below(area(kernel.out_size), POSITIONS)
    return Sort(kernel.kind, kernel.kernel if kernel.kind in WEIGHTED else 0, kernel.added, *where)


def _below(value: float, ends: tuple[float, ...]) -> str:
    """The class of a value, in words."""
    return next((f"up to {end:,.0f}" for end in ends if value <= end), f"over {ends[-1]:,.0f}")


if __name__ == "__main__":
    main()
