"""On a CUDA device: speed of the Monte-Carlo Zen-score, agreement with the CPU, and share of its bf16 peak."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace

import torch

from benchmarks.common import bf16_peak, print_machine, published
from PlainNet import Structure, cost
from ZeroShotProxy import ScoreSettings, score

CASES = {"zennet_cifar10_model_size1M_res32": 32, "zennet_imagenet1k_flops400M_SE_res224": 224}


def rate(structure: Structure, settings: ScoreSettings) -> float:
    """Return candidates per second, one repetition each."""
    score(structure, ["zen"], replace(settings, repeats=5))
    torch.cuda.synchronize()
    began = time.perf_counter()
    score(structure, ["zen"], replace(settings, repeats=30))
    torch.cuda.synchronize()
    return 30 / (time.perf_counter() - began)


def main() -> None:
    if not torch.cuda.is_available():
        print("no CUDA device here: nothing was measured")
        sys.exit(0)
    print_machine()
    top = bf16_peak()
    print(f"{torch.cuda.get_device_name()}: bf16 matrix product {top / 1e12:.0f} TFLOP/s")
    networks = published()
    for name, resolution in CASES.items():
        structure = networks[name]
        settings = ScoreSettings(
            resolution=resolution, batch_size=4 if resolution == 224 else 16, repeats=16, device="cuda"
        )
        here = score(structure, ["zen"], settings)["zen"]
        there = score(structure, ["zen"], replace(settings, device="cpu", repeats=8 if resolution == 32 else 4))["zen"]
        spread = statistics.stdev(here.repeats)
        print(f"{name}: CUDA {here.value:.2f}, CPU {there.value:.2f} (sd of a seed {spread:.2f})")
        flops = 2 * 2 * 64 * cost(structure, resolution=resolution, num_classes=None, no_reslink=True).flops
        for precision in ("fp32", "bf16"):
            found = rate(structure, replace(settings, batch_size=64, precision=precision))
            print(
                f"  batch 64, {precision}: {found:.1f} candidates/s, {100 * found * flops / top:.2f} % of the bf16 peak"
            )


if __name__ == "__main__":
    main()
