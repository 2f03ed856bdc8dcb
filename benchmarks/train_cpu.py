"""`zennas train` of ResNet-8 on a CPU against the same command at an earlier commit: images a second, and accuracy.

Both train on the first images of CIFAR-10's archives, in processes of their own and in turns, with one thread and with
all of them. Speeds are those of the steps, data included and tests not: per second of processor time, which other
programs do not change much, and per second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean, median

import numpy as np

from benchmarks._before import BEFORE_BFLOAT16, ROOT, checked_out
from benchmarks._design_proof.budgets import RESNET_8
from benchmarks._intervals import difference
from benchmarks._nb201 import data_or_leave
from benchmarks.common import print_machine
from latency.measuring.conditions import cores

NAMES = ("cifar10_jpeg_train.npz", "cifar10_jpeg_test.npz")
IMAGES = {NAMES[0]: 10_000, NAMES[1]: 2_000}
EPOCHS, SEEDS = 4, 3
TARGET = 2.0
PROGRAM = """
import json, sys, time
import zennas
times, trained = [], [0, 0.0, 0.0]
class Clock:
    def step(self, epoch, step, steps, loss):
        now = time.process_time(), time.perf_counter()
        if step > 1:
            trained[:] = [trained[0] + 64, *(a + b - c for a, b, c in zip(trained[1:], now, times))]
        times[:] = now
    def epoch(self, done): pass
structure, images, folder, epochs, seed = sys.argv[1:]
found = zennas.train(structure, dataset=images, save_dir=folder, epochs=int(epochs), seed=int(seed), device="cpu",
    watcher=Clock())  # batches of 64, the default
print(json.dumps([found.top1, trained[0] / trained[1], trained[0] / trained[2]]))
"""


def write_parts(folder: Path) -> None:
    """Write the first images of both archives to a folder."""
    for path, name in zip(data_or_leave(*NAMES), NAMES, strict=True):
        with np.load(path) as stored:
            count = IMAGES[name]
            offsets = stored["offsets"][: count + 1]
            np.savez(
                folder / name,
                jpeg=stored["jpeg"][: offsets[-1]],
                offsets=offsets,
                labels=stored["labels"][:count],
                **({"classes": stored["classes"]} if "classes" in stored else {}),
            )


def trained(code: Path, images: Path, place: Path, seed: int, threads: int) -> tuple[float, float, float]:
    """Train with the packages of a folder; return top-1, and the images per second of processor time and of time."""
    command = [sys.executable, "-c", PROGRAM, RESNET_8, str(images / NAMES[0]), str(place), str(EPOCHS), str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, cwd=code, env=environment, capture_output=True, text=True, check=True)
    top1, core, wall = json.loads(done.stdout.splitlines()[-1])
    return top1, core, wall


def main() -> None:
    print_machine()
    with tempfile.TemporaryDirectory() as folder, checked_out(BEFORE_BFLOAT16) as before:
        place = Path(folder)
        write_parts(place)
        for threads in sorted({1, cores()}):
            _compare(before, place, threads)


def _compare(before: Path, place: Path, threads: int) -> None:
    """Print both ways with so many threads."""
    ways = {"then": before, "now": ROOT}
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    for seed in range(SEEDS):
        for name in list(ways)[:: -1 if seed % 2 else 1]:
            found[name].append(trained(ways[name], place, place / f"{name}-{threads}-{seed}", seed, threads))
    print(f"{threads} {'thread' if threads == 1 else 'threads'}, {EPOCHS} epochs of {IMAGES[NAMES[0]]:,} images:")
    for name, values in found.items():
        top1, core, wall = zip(*values, strict=True)
        print(
            f"  {name:5} {median(core):5.0f} images/s of processor time, {median(wall):5.0f} images/s; top-1 "
            f"{fmean(top1):.2f} % ({', '.join(f'{one:.1f}' for one in top1)})"
        )
    for place_in, what in ((1, "of processor time"), (2, "of time")):
        ratios = [now[place_in] / then[place_in] for now, then in zip(found["now"], found["then"], strict=True)]
        verdict = "reached" if median(ratios) >= TARGET else "MISSED"
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"  times as fast by images per second {what}: {median(ratios):.2f} ({spread}); target 2: {verdict}")
    value, half = difference(*([one[0] for one in found[name]] for name in ("now", "then")))
    print(f"  top-1 now minus then: {value:+.2f} points ({value - half:+.2f} to {value + half:+.2f})")


if __name__ == "__main__":
    main()
