"""Latency of images of other shapes with the same number of pixels: measured, and predicted by a profile of squares.

All shapes of a network are measured in turns, so that only their ratios to the square count, and what else this machine
does affects all alike.
"""

from __future__ import annotations

from math import log
from random import Random
from statistics import mean

from benchmarks.common import print_machine
from latency.measuring.measure import compare
from latency.measuring.subject import of_structure
from latency.predicting.predictor import Predictor
from latency.predicting.profile import load_profile
from PlainNet.sizes import Sides, Size, size_text
from SearchSpace import load_space
from zennas.report.profile_errors import measured_as

PROFILE = "this-machine-fp32"
SQUARE = 64
SHAPES: tuple[Size, ...] = (SQUARE, Sides(32, 128), Sides(128, 32), Sides(16, 256))
NETWORKS = 3
SECONDS = 4.0


def main() -> None:
    print_machine()
    profile = load_profile(PROFILE)
    settings = measured_as(profile, seconds=SECONDS)
    off: dict[Size, list[float]] = {size: [] for size in SHAPES[1:]}
    for name in ("XXBL", "IDW_fixfc"):
        space = load_space(name)
        for seed in range(NETWORKS):
            structure = space.sample(Random(seed))
            found = compare([of_structure(structure, size, 10) for size in SHAPES], settings)
            predicted = [Predictor(profile, resolution=size, num_classes=10)(structure) for size in SHAPES]
            print(f"{name} {seed}, {size_text(SQUARE)}: {found[0].latency_ms:.3g} ms, predicted {predicted[0]:.3g} ms")
            for size, one, ms in zip(SHAPES[1:], found[1:], predicted[1:], strict=True):
                measured, expected = one.latency_ms / found[0].latency_ms, ms / predicted[0]
                off[size].append(expected / measured)
                print(f"  {size_text(size):>7}: {measured:.3f} of the square, predicted {expected:.3f}")
    for size, ratios in off.items():
        error = mean(abs(ratio - 1) for ratio in ratios)
        bias = mean(log(ratio) for ratio in ratios)
        print(f"{size_text(size):>7}: mean error of the ratio {100 * error:.1f} %, bias {100 * bias:+.1f} %")


if __name__ == "__main__":
    main()
