"""What a design has to know of the images: their classes, how many there are, their size and their channels.

torch is imported when images are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from PlainNet.sizes import Sides, Size, size_of
from zennas.common.limits import checked_resolution
from zennas.common.numbers import counted
from zennas.data import DataError, ImageSet, open_set
from zennas.data.base import CorruptImageError, Decoding
from zennas.data.channels import COLOUR, GREY
from zennas.data.classes import listed
from zennas.data.sources import has_test_images
from zennas.designing.settings import DesignSettings

LEAST = 5
"""Images of each class, for training and for testing together."""
MOST_SIDE, SMALL_SIDE, PHOTO_SIDE = 160, 16, 96
"""Pixels: images of one size keep it up to the first, small ones are enlarged to the second, others get the third."""
SAMPLE = 48


@dataclass(frozen=True)
class Images:
    """The images of a design. train, test: how many. size: of the network's input, in pixels.

    channels: of the network's input. val_fraction: the share that was held out; None if there are test images.
    notes: what a user should know, such as files that are not read.
    """

    classes: tuple[str, ...]
    train: int
    test: int
    size: Size
    channels: int
    val_fraction: float | None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the facts for JSON."""
        size = self.size
        return {
            "classes": list(self.classes),
            "train": self.train,
            "test": self.test,
            "size": str(size) if isinstance(size, Sides) else size,
            "channels": self.channels,
            "val_fraction": self.val_fraction,
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Images:
        """Return what `to_json` has returned. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            tuple(map(str, found["classes"])),
            int(found["train"]),
            int(found["test"]),
            checked_resolution(found["size"], ValueError),
            int(found["channels"]),
            None if found["val_fraction"] is None else float(found["val_fraction"]),
            tuple(map(str, found["notes"])),
        )


def look(settings: DesignSettings) -> Images:
    """Look at the images. Raises DataError if there are none, or too few of a class."""
    fraction = None if has_test_images(settings.dataset) else settings.val_fraction
    train, test = (
        open_set(settings.dataset, split, None, Decoding(settings.white), fraction) for split in ("train", "test")
    )
    _check_counts(settings.dataset, train, test)
    sizes, grey = _seen(train)
    size = settings.resolution or _size(sizes)
    channels = settings.in_channels or (GREY if grey and train.channels in (GREY, COLOUR) else train.channels)
    notes = tuple(dict.fromkeys((*train.notes, *test.notes)))
    return Images(train.classes, len(train), len(test), size, channels, fraction, notes)


def _check_counts(name: str, train: ImageSet, test: ImageSet) -> None:
    if len(train.classes) < 2:
        raise DataError(f"{name} has one class, {train.classes[0]}: expected a folder for each of two or more classes")
    counts = np.bincount(train.labels, minlength=len(train.classes))
    for number, label in enumerate(test.classes):
        if label in train.classes:
            counts[train.classes.index(label)] += int((test.labels == number).sum())
    few = [f"{label} ({count})" for label, count in zip(train.classes, counts.tolist(), strict=True) if count < LEAST]
    if few:
        raise DataError(
            f"{name} has fewer than {counted(LEAST, 'image')} of {listed(tuple(few))}: add images, for training and "
            "for testing, or remove the class"
        )


def _seen(images: ImageSet) -> tuple[list[tuple[int, int]], bool]:
    """The heights and widths of some images, and whether they are all grey."""
    sizes, grey, unread = list[tuple[int, int]](), True, ""
    for row in np.linspace(0, len(images) - 1, min(SAMPLE, len(images))).astype(int).tolist():
        try:
            image = images.read(row)
        except CorruptImageError as error:  # the training reports it, or skips it
            unread = f": {error}"
            continue
        sizes.append((image.shape[-2], image.shape[-1]))
        grey = grey and bool((image == image[:1]).all())
    if not sizes:
        raise DataError(f"none of {counted(SAMPLE, 'image')} of {images.name} can be read{unread}")
    return sizes, grey


def _size(found: list[tuple[int, int]]) -> Size:
    """The size of the network's input for images of these sizes."""
    if len(set(found)) == 1 and max(found[0]) <= MOST_SIDE:
        return size_of(*(max(SMALL_SIDE, side) for side in found[0]))
    return max(SMALL_SIDE, min(PHOTO_SIDE, *(min(size) for size in found)))
