"""On a CUDA device: fp16 at batch 64 measured twice, and ResNet-50 compared with limits from memory and arithmetic."""

from __future__ import annotations

import sys

from benchmarks.common import print_machine
from latency.base import MeasureSettings
from latency.kernels import Fusion, group
from latency.measuring.measure import measure
from latency.predicting.features import work
from latency.predicting.hardware import H200
from PlainNet.ops import OpGraph
from zennas.named.networks import network

BATCH = 64
NETWORKS = ("zennet_imagenet1k_latency02ms_res224", "torchvision:mobilenet_v2", "torchvision:resnet50")
CLOSE = 3.0
"""Percent by which two measurements of one network may differ."""


def main() -> None:
    import torch

    if not torch.cuda.is_available():
        print("no CUDA device here: nothing was measured")
        sys.exit(0)
    print_machine()
    print(torch.cuda.get_device_name())
    far = 0.0
    for options in ((), ("cuda-graphs",)):
        settings = MeasureSettings("torch", "fp16", "cuda", BATCH, relative_error=0.003, seconds=20, options=options)
        for name in NETWORKS:
            one = network(name)
            first, second = (measure(one.subject(), settings) for _ in range(2))
            off = 100 * abs(second.latency_ms / first.latency_ms - 1)
            far = max(far, off)
            print(
                f"{name} fp16 batch {BATCH} {' '.join(options) or 'eager'}: {first.latency_ms:.4f} and "
                f"{second.latency_ms:.4f} ms per image, {off:.2f} % apart"
            )
            if name.endswith("resnet50"):
                memory, arithmetic = floors(one.graph)
                print(
                    f"  floors: {memory:.4f} ms to move every byte once, norms, activations and additions fused, "
                    f"{arithmetic:.4f} ms of arithmetic at the data sheet's peak of an H200"
                )
    print(f"measured twice within {CLOSE} %: {'reached' if far <= CLOSE else 'MISSED'} ({far:.2f} %)")


def floors(graph: OpGraph) -> tuple[float, float]:
    """Return the least ms per image that the memory and the arithmetic units of an H200 need."""
    sheet = H200["fp16"]
    done = [work(kernel, sheet) for kernel, _ in group(graph, Fusion(), BATCH)]
    memory = sum(one.bytes for one in done) / sheet.bytes_per_ms
    return memory / BATCH, sum(one.macs for one in done) / sheet.macs_per_ms / BATCH


if __name__ == "__main__":
    main()
