"""Trainings killed (kill -9) at random moments and resumed: do they end with the weights of an uninterrupted one?"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.common import print_machine

STRUCTURE = (
    "SuperConvK3BNRELU(3,16,1,1)SuperResK3K3(16,32,2,16,1)SuperResK1K5K1(32,48,2,16,1)SuperConvK1BNRELU(48,64,1,1)"
)
KILLS = 6
EVERYTHING = "--optimizer adamw --lr 0.01 --auto-augment --erase 0.3 --mixup 0.2 --cutmix 1 --ema 0.99 --accumulate 2"
RECIPES: dict[str, list[str]] = {
    "sgd, shifts": [],
    "adamw, all augmentation, EMA, accumulation": EVERYTHING.split(),
}


def command(folder: Path, recipe: list[str]) -> list[str]:
    fixed = "--dataset digits --resolution 16 --device cpu --epochs 8 --resume auto --checkpoint-minutes 0 --save-dir"
    return [sys.executable, "-m", "zennas", "train", STRUCTURE, *recipe, *fixed.split(), str(folder)]


def disturbed(folder: Path, recipe: list[str], seconds: float, rng: random.Random) -> int:
    """Train while killing the process now and then; return the number of kills."""
    kills = 0
    while not (folder / "weights.pt").exists():
        process = subprocess.Popen(command(folder, recipe), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            # The time to the next kill grows, so that the training ends although starting takes long.
            process.wait(seconds * rng.uniform(0.3, 0.9) * (1 + kills / KILLS))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    return kills


def main() -> None:
    print_machine()
    rng = random.Random(0)
    failed = False
    for name, recipe in RECIPES.items():
        with tempfile.TemporaryDirectory(prefix="zennas-") as place:
            whole, parts = Path(place) / "whole", Path(place) / "parts"
            began = time.monotonic()
            subprocess.run(command(whole, recipe), check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            seconds = time.monotonic() - began
            kills = 0
            trials = 0
            equal = True
            while kills < KILLS:
                shutil.rmtree(parts, ignore_errors=True)
                kills += disturbed(parts, recipe, seconds, rng)
                trials += 1
                a, b = (torch.load(f / "weights.pt", weights_only=True)["state_dict"] for f in (whole, parts))
                equal &= list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)
        failed |= not equal
        print(
            f"{name}: {kills} kills in {trials} trainings, final weights {'equal, bit by bit' if equal else 'DIFFER'}"
        )
    print(f"target, equal weights: {'MISSED' if failed else 'reached'}")


if __name__ == "__main__":
    main()
