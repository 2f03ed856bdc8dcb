"""Holding out a part of images for testing, where a data set has no test images of its own. Does not import torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np

from zennas.data.base import DataError, ImageSet, Split
from zennas.data.subsets import subset

HELD_OUT, LEFT = ", held out", ", without what is held out"
"""Ends of the names of the parts."""


def train_and_held_out(images: ImageSet, fraction: float) -> tuple[ImageSet, ImageSet]:
    """Return the images without a share of each class, and that share. Raises what `part_of` raises."""
    keys = [str(row) for row in range(len(images))]
    return part_of(images, keys, fraction, "train"), part_of(images, keys, fraction, "test")


def part_of(images: ImageSet, keys: Sequence[str], fraction: float, split: Split) -> ImageSet:
    """Return the training images, or the share `fraction` of each class that is held out for testing.

    keys: a name for each image, which decides its part, so that the parts do not depend on the order; if images are
    added, few change sides. Both parts have at least one image of each class.

    Raises DataError if the fraction is not between 0 and 1, or a class has only one image.
    """
    if not 0 < fraction < 1:
        raise DataError(f"val-fraction is {fraction:g}, expected a number between 0 and 1, such as 0.2")
    order = np.argsort([sha256(key.encode(errors="surrogateescape")).hexdigest() for key in keys], kind="stable")
    labels = images.labels[order]
    held = np.zeros(len(images), dtype=bool)
    for number, name in enumerate(images.classes):
        rows = order[labels == number]
        if len(rows) == 1:
            raise DataError(
                f"{images.name} has one image of the class {name}: expected two or more, to hold out a part"
            )
        held[rows[: min(max(1, round(fraction * len(rows))), max(0, len(rows) - 1))]] = True
    part = subset(images, np.flatnonzero(held if split == "test" else ~held))
    return replace(part, name=images.name + (HELD_OUT if split == "test" else LEFT))
