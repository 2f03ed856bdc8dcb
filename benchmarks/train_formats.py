"""Training steps on one thread of a CPU: memory formats and mixed precision against float32 in the usual format.

Convolutions with groups in bfloat16 are the reason for `zennas/training/precision.py`. How much bfloat16 gains depends
on the processor.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch.nn import functional as F

import ZenNet
from benchmarks.common import print_machine
from PlainNet import parse
from PlainNet.masternet import build
from zennas.training.precision import autocast

NETWORKS = {
    "ResNet-like, 3 stages": (
        "SuperConvK3BNRELU(3,16,1,1)SuperResK3K3(16,16,1,16,1)SuperResK3K3(16,32,2,32,1)SuperResK3K3(32,64,2,64,1)"
    ),
    "MobileNetV2-like": (
        "SuperConvK3BNRELU(3,16,1,1)SuperResIDWE6K3(16,24,2,16,2)SuperResIDWE6K3(24,40,2,24,2)"
        "SuperResIDWE6K5(40,80,2,40,2)SuperConvK1BNRELU(80,256,1,1)"
    ),
    "zennet_cifar10_model_size1M_res32": "",
}
BATCH, SIDE, ROUNDS = 64, 32, 5
Way = Callable[[], AbstractContextManager[Any]]
WAYS: dict[str, tuple[torch.memory_format, Way]] = {
    "float32": (torch.contiguous_format, nullcontext),
    "float32, channels-last": (torch.channels_last, nullcontext),
    "autocast of torch": (torch.contiguous_format, partial(torch.autocast, "cpu", torch.bfloat16)),
    "--precision bf16": (torch.contiguous_format, partial(autocast, "bf16", torch.device("cpu"))),
    "autocast of torch, channels-last": (torch.channels_last, partial(torch.autocast, "cpu", torch.bfloat16)),
    "--precision bf16, channels-last": (torch.channels_last, partial(autocast, "bf16", torch.device("cpu"))),
}


def seconds(text: str) -> dict[str, float]:
    """Return the median seconds of a training step in each way, which take turns."""
    images, labels = torch.randn(BATCH, 3, SIDE, SIDE), torch.randint(10, (BATCH,))
    steps = {}
    for name, (layout, way) in WAYS.items():
        torch.manual_seed(0)
        network = build(parse(text), num_classes=10).to(memory_format=layout).train()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
        steps[name] = (network, optimizer, images.contiguous(memory_format=layout), way())
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS + 1):
        for name, (network, optimizer, x, context) in steps.items():
            began = time.process_time()
            optimizer.zero_grad(set_to_none=True)
            with context:
                loss = F.cross_entropy(network(x), labels)
            loss.backward()
            optimizer.step()
            found[name].append(time.process_time() - began)
    return {name: statistics.median(times[1:]) for name, times in found.items()}


def main() -> None:
    torch.set_num_threads(1)
    print_machine()
    print(f"training steps of {BATCH} images of {SIDE}×{SIDE} pixels, one thread; times as fast as float32:")
    for name, text in NETWORKS.items():
        took = seconds(text or ZenNet.model_info(name)["structure"])
        base = took["float32"]
        print(f"  {name}: float32 {1000 * base:.0f} ms")
        for way, one in took.items():
            if way != "float32":
                print(f"    {way:32} {base / one:5.2f}")


if __name__ == "__main__":
    main()
