"""One training of the arena, the same for every network: a run of the project, which a kill does not end.

The learning rate is the best of three after two epochs on 5,000 images, on 2,000 others of the training images; the
accuracy is that of the last epoch on the 10,000 test images, by which nothing was chosen. Imports torch.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import zennas
from benchmarks._design_proof import files
from benchmarks._design_proof.budgets import RESOLUTION
from benchmarks._design_proof.files import Trained, add
from benchmarks._nb201 import IMAGES, RUNS, data_or_leave
from PlainNet import parse
from PlainNet.files import write_text
from zennas.training.history import Epoch
from zennas.training.short import ShortTraining
from zennas.training.short_run import ShortTrainer

RECIPE: dict[str, Any] = {"batch_size": 128, "weight_decay": 5e-4, "precision": "bf16"}
"""The rest is what `zennas train` does: SGD with Nesterov momentum, a cosine, shifts and mirrors."""
WARMUP = 3.0
RATES = (0.1, 0.3, 0.9)
PROBE_EPOCHS, PROBE_IMAGES, HELD_OUT = 2, 5_000, 0.04
FOLDER = RUNS / "design_proof"


class _Lines:
    """Prints a line for each epoch."""

    def __init__(self, name: str, epochs: int) -> None:
        self._name, self._epochs = name, epochs

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        pass

    def epoch(self, done: Epoch) -> None:
        line = (
            f"{self._name} {done.epoch}/{self._epochs}: {done.test_top1:.2f} %, {done.images_per_second:.0f} images/s"
        )
        print(line, file=sys.stderr, flush=True)


def train_one(text: str, seed: int, epochs: int, device: str, name: str) -> Trained:
    """Train a network, or continue its training, and add its result to the file. name: for the progress."""
    (images,) = data_or_leave(IMAGES)
    folder = FOLDER / hashlib.sha256(text.encode()).hexdigest()[:12]
    rate = _rate(text, folder / "rate.json", images, device)
    place = folder / f"{epochs}-epochs-seed-{seed}"
    result = zennas.train(
        text,
        dataset=str(images),
        resolution=RESOLUTION,
        save_dir=place,
        resume="auto",
        device=device,
        epochs=epochs,
        seed=seed,
        lr=rate,
        warmup=WARMUP,
        watcher=_Lines(name, epochs),
        **RECIPE,
    )
    speed = median(epoch.images_per_second for epoch in result.history)
    trained = Trained(text, seed, epochs, rate, result.top1, round(result.seconds), round(speed), device)
    add(files.TRAINED, [trained])
    return trained


def _rate(text: str, file: Path, images: Path, device: str) -> float:
    """The best of the learning rates for a network, from a file if it was found before."""
    if file.is_file():
        found: dict[str, float] = json.loads(file.read_text())
    else:
        found = {}
        for rate in RATES:
            recipe = {**RECIPE, "lr": rate}
            how = ShortTraining(str(images), train_images=PROBE_IMAGES, held_out=HELD_OUT, recipe=recipe)
            found[str(rate)] = ShortTrainer(how, RESOLUTION, False, device)(parse(text), PROBE_EPOCHS, 0)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(found) + "\n")
    return float(max(found, key=lambda rate: found[rate]))
