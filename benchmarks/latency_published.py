"""Zen-NAS's nine published V100 latencies, predicted; --write makes the profile v100-pytorch-fp16 from them.

The convolutions are those of TensorRT (v100-tensorrt-fp16). PyTorch fuses nothing: batch-norm, ReLU, additions, pooling
and squeeze-and-excitation are kernels of their own, which take as long as moving their bytes, times one constant for
what the framework adds. The constant is calibrated on the published latencies; each is predicted with the constant of
the other eight.
"""

from __future__ import annotations

import argparse
import dataclasses

import numpy as np

from benchmarks._v100 import BANDWIDTH, PUBLISHED_MS, Floats, shares, slowdown, unfused
from benchmarks.common import print_machine
from latency.fitting.card import method
from latency.fitting.errors import errors
from latency.fitting.making import write_profile
from latency.predicting.models import traffic
from latency.predicting.profile import FOLDER, load_profile

NAME = "v100-pytorch-fp16"
SOURCE = (
    "Convolutions come from v100-tensorrt-fp16, which is fitted to public measurements (see its card). Other kernels "
    "are estimated from the bytes that they move and the V100's memory bandwidth of 900 GB/s (NVIDIA's data sheet). "
    "One constant is fitted to the nine latencies in Zen-NAS's README (ms per image on a V100, batch 64, FP16)."
)
METHOD = (
    "Nothing is fused, as in eager PyTorch: batch-norm, ReLU, addition, pooling and squeeze-and-excitation are kernels "
    "of their own. They take {constant:.2f} times as long as moving their bytes at 900 GB/s would. This factor is the "
    "fitted constant; it covers launches, memory layouts and bandwidth that is not fully used. Changes of layout "
    "around convolutions are not counted."
)
LIMITS = (
    "Nine published figures with two digits each are few for a calibration. Convolutions are assumed to be as fast as "
    "in TensorRT; depthwise convolutions are probably slower in PyTorch. The published figures were timed without "
    "synchronising the GPU."
)
TARGET_MAPE, TARGET_SPEARMAN = 12, 0.98


def left_out(heavy: Floats, light: Floats, ms: Floats) -> list[float]:
    """Return each latency, predicted with the constant fitted to the others."""
    found = []
    for i in range(len(ms)):
        others = np.arange(len(ms)) != i
        found.append(float(heavy[i] + slowdown(heavy[others], light[others], ms[others]) * light[i]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write the profile {NAME} and its card")
    wanted = parser.parse_args()
    print_machine()
    base = unfused(load_profile("v100-tensorrt-fp16"))
    heavy, light = shares(base)
    ms = np.array(list(PUBLISHED_MS.values()))
    predicted = left_out(heavy, light, ms)
    constant = slowdown(heavy, light, ms)
    print(
        "ms an image on a V100, batch 64, FP16: published; convolutions; the rest at 900 GB/s; predicted, left out; off"
    )
    for name, measured, conv, rest, guess in zip(PUBLISHED_MS, ms, heavy, light, predicted, strict=True):
        print(f"{name:42} {measured:.2f}  {conv:.3f}  {rest:.3f}  {guess:.3f}  {100 * (guess / measured - 1):+.0f} %")
    plain = errors((heavy + light).tolist(), ms.tolist())
    found = errors(predicted, ms.tolist())
    low, high = ((heavy + light) / ms).min(), ((heavy + light) / ms).max()
    print(f"without a constant: {low:.2f} to {high:.2f} of the published; MAPE {plain.mape:.1f} %")
    print(f"constant of all nine: {constant:.2f}, that is {900 / constant:.0f} GB/s")
    assert found.spearman is not None
    reached = found.mape <= TARGET_MAPE and found.spearman >= TARGET_SPEARMAN
    print(
        f"leave-one-out MAPE {found.mape:.1f} % (at most {TARGET_MAPE}), Spearman {found.spearman:.3f} "
        f"(at least {TARGET_SPEARMAN}): {'reached' if reached else 'MISSED'}"
    )
    if wanted.write:
        made = dataclasses.replace(
            base, name=NAME, backend="torch", models=(*base.models[:-1], traffic(BANDWIDTH / constant, 0.0))
        )
        about = {
            "source": SOURCE,
            "method": f"{method(made)} {METHOD.format(constant=constant)}",
            "held_out": {"published latencies, each with the constant of the other eight": found.to_json()},
            "limits": LIMITS,
        }
        print(f"wrote {write_profile(FOLDER / f'{NAME}.json', dataclasses.replace(made, about=about))}")


if __name__ == "__main__":
    main()
