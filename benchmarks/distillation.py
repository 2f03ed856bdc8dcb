"""Distillation against plain training of the same student on digits, at equal epochs, over twenty seeds.

First with the same recipe for all, then with the best learning rate of each method, chosen on seeds that are not
reported, because a loss with a teacher has larger gradients, and a short training gains from larger steps in any case.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
from pathlib import Path

import torch

from benchmarks._intervals import half_width
from benchmarks.common import print_machine
from PlainNet import parse
from PlainNet.masternet import build
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.recipe import Distillation, Recipe, TrainingError
from zennas.training.runner import train_structure

TEACHER = "SuperConvK3BNRELU(3,32,1,1)SuperResK3K3(32,48,2,48,1)SuperResK3K3(48,96,2,96,1)SuperConvK1BNRELU(96,128,1,1)"
STUDENT = "SuperConvK3BNRELU(3,6,2,1)SuperResK3K3(6,12,2,12,1)"
RESOLUTION = 16
TEACHER_EPOCHS, EPOCHS = 20, 6
SEEDS = range(20)
SEEDS_TO_CHOOSE = range(100, 105)
RATES = (0.2, 0.4, 0.8, 1.6, 3.2)
TEMPERATURE, RATIO = 4.0, 2
PLAIN = "plain"


def main() -> None:
    print_machine()
    torch.set_num_threads(1)  # networks this small gain nothing from a second
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        top1 = train(place, TEACHER, Recipe(epochs=TEACHER_EPOCHS, seed=1000), None, "teacher")
        print(f"teacher: {weights(TEACHER):,} parameters, {TEACHER_EPOCHS} epochs, top-1 {top1:.1f} %")
        print(f"student: {weights(STUDENT):,} parameters, {EPOCHS} epochs, {RESOLUTION} pixels, 360 test images")
        ways = {
            PLAIN: None,
            "logits": Distillation(str(place / "teacher"), temperature=TEMPERATURE),
            "logits + features": Distillation(str(place / "teacher"), temperature=TEMPERATURE, ratio=RATIO),
        }
        usual = Recipe().lr
        print(f"\nthe same recipe for all, learning rate {usual}")
        report({way: [student(place, teaching, usual, seed) for seed in SEEDS] for way, teaching in ways.items()})
        best = {way: best_rate(place, teaching) for way, teaching in ways.items()}
        chosen = f"of the rates {RATES} on seeds {SEEDS_TO_CHOOSE[0]} to {SEEDS_TO_CHOOSE[-1]}"
        print(f"\neach with its best {chosen}: {', '.join(f'{way} {lr}' for way, lr in best.items())}")
        report({way: [student(place, teaching, best[way], seed) for seed in SEEDS] for way, teaching in ways.items()})


def report(found: dict[str, list[float]]) -> None:
    """Print top-1 by method and seed, and the gains of methods with a teacher: paired means with 95 % intervals."""
    for way, values in found.items():
        mean = statistics.fmean(values)
        print(f"  {way:18} mean {mean:5.2f} %, seeds {SEEDS[0]} to {SEEDS[-1]}: {' '.join(f'{v:.1f}' for v in values)}")
    for way in [way for way in found if way != PLAIN]:
        gains = [mine - plain for mine, plain in zip(found[way], found[PLAIN], strict=True)]
        mean, count = statistics.fmean(gains), len(gains)
        half = half_width(gains)
        verdict = "above zero" if mean - half > 0 else "not above zero"
        wins = f"better in {sum(gain > 0 for gain in gains)} of {count}"
        interval = f"95 % interval {mean - half:+.2f} to {mean + half:+.2f}, {verdict}"
        print(f"  {way} - {PLAIN}: {mean:+.2f} points, {interval}; {wins}")


def best_rate(place: Path, teaching: Distillation | None) -> float:
    """Return the learning rate with the best mean on the seeds used for choosing."""

    def mean(lr: float) -> float:
        try:
            return statistics.fmean(student(place, teaching, lr, seed) for seed in SEEDS_TO_CHOOSE)
        except TrainingError:  # the loss was not finite
            return 0.0

    return max(RATES, key=mean)


_numbers = itertools.count()


def student(place: Path, teaching: Distillation | None, lr: float, seed: int) -> float:
    return train(place, STUDENT, Recipe(epochs=EPOCHS, lr=lr, seed=seed), teaching, f"student-{next(_numbers)}")


def train(place: Path, text: str, recipe: Recipe, teaching: Distillation | None, name: str) -> float:
    """Return top-1 on the test images after the last epoch, in per cent."""
    job = TrainingJob(parse(text), "digits", recipe, teaching, resolution=RESOLUTION)
    return train_structure(job, place / name, RunOptions(device="cpu")).top1


def weights(text: str) -> int:
    return sum(p.numel() for p in build(parse(text)).parameters())


if __name__ == "__main__":
    main()
