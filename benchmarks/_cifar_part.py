"""A part of CIFAR-10 from the packed archives, for trainings of minutes: archives of the first images of each.

They are made of ../shared/data, or of the folder CIFAR_DATA. The images were shuffled once, so the first ones are of
all classes.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

DATA = Path(os.environ.get("CIFAR_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
ARCHIVES = {"train": "cifar10_jpeg_train.npz", "test": "cifar10_jpeg_test.npz"}


def missing() -> str | None:
    """Return None if the archives are there, else what is missing."""
    absent = [str(DATA / name) for name in ARCHIVES.values() if not (DATA / name).is_file()]
    return f"{', '.join(absent)} not found (CIFAR_DATA names the folder)" if absent else None


def part(folder: Path, train: int, test: int) -> Path:
    """Write archives of so many images into a folder, unless they are there, and return that of the training images."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", train), ("test", test)):
        place = folder / f"cifar10_{split}.npz"
        if place.is_file():
            continue
        with np.load(DATA / ARCHIVES[split]) as stored:
            offsets = stored["offsets"][: count + 1]
            kept = {"jpeg": stored["jpeg"][: offsets[-1]], "offsets": offsets, "labels": stored["labels"][:count]}
            np.savez(place, **kept, classes=stored["classes"])
    return folder / "cifar10_train.npz"
