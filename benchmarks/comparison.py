"""Comparing networks: how long it takes, the size of the page, and the picture of it in docs/images."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import zennas
import ZenNet
from benchmarks.common import print_machine
from benchmarks.page import DESK, MOST, shoot

TORCHVISION = ("resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "regnet_y_800mf")
STRUCTURES = 100
"""Structures of the larger comparison."""


def main() -> None:
    print_machine()
    zoo = ZenNet.list_models("*imagenet1k*")
    command = [sys.executable, "-m", "zennas", "compare", *zoo]
    runs = sorted(processor_seconds(command) for _ in range(5))
    bare = min(processor_seconds([sys.executable, "-c", ""]) for _ in range(5))
    print(
        f"zennas compare of {len(zoo)} structures on three devices: {runs[2]:.2f} s of processor time "
        f"({runs[0]:.2f} to {runs[-1]:.2f}), an empty Python program {bare:.2f} s"
    )
    stem = "SuperConvK3BNRELU(3,{0},2,1)SuperResK3K3({0},64,2,32,2)SuperConvK1BNRELU(64,128,1,1)"
    many = [stem.format(8 + i) for i in range(STRUCTURES)]
    names = [*zoo, *(f"torchvision:{name}" for name in TORCHVISION)]
    with tempfile.TemporaryDirectory() as place:
        for what, networks in ((f"{STRUCTURES} structures", many), (f"{len(names)} networks for ImageNet", names)):
            page = Path(place) / "compare.html"
            size = zennas.page(zennas.compare(networks, proxies="zen_expected"), out=page).bytes
            print(f"page of {what}: {size / 1000:.0f} kB ({'less' if size < MOST else 'MORE'} than {MOST / 1e6:g} MB)")
        shoot(page, "page-compare", "comparison", DESK)


def processor_seconds(command: list[str]) -> float:
    """Run a command, and return the seconds of processor time that it took, which other programs hardly change."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
