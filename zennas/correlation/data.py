"""The batches that networks are scored on: noise, a data set, a folder of images, or an .npz file of JPEGs.

The seed of each repetition draws its batch. If the images and the networks have different numbers of classes, the
labels are random, and `Drawn.note` says so.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from PlainNet.sizes import sides
from zennas.correlation.scoring import ImageBatch
from zennas.correlation.settings import NOISE, CorrelateSettings
from zennas.data import (
    AbsentError,
    DataError,
    ImageSet,
    known_dataset,
    lasting_dataset,
    names_to_open,
    open_any,
    open_set,
)
from zennas.data.base import Decoding
from zennas.data.channels import COLOUR, of_channels
from zennas.data.sources import shower
from zennas.named.structures import check_taken


@dataclass(frozen=True, eq=False)
class Drawn:
    """One batch for each repetition, and a note on their images for the protocol."""

    batches: tuple[ImageBatch, ...]
    note: str

    @property
    def digest(self) -> str:
        """A digest, because a run that is continued must use the same images."""
        found = hashlib.sha256()
        for batch in self.batches:
            found.update(batch.images.tobytes() + batch.labels.tobytes())
        return found.hexdigest()

    def to_json(self) -> dict[str, str]:
        """Return what a run stores."""
        return {"note": self.note, "digest": self.digest}


def draw_batches(settings: CorrelateSettings, channels: int = COLOUR) -> Drawn:
    """Return the batches for these settings. channels: of the images that the networks take.

    Raises DataError if there are no such images, or too few, and WrongChannelsError if they have other channels.
    """
    classes = settings.num_classes or 1
    seeds = [settings.seed + repeat for repeat in range(settings.seeds)]
    shape = (settings.batch_size, channels, *sides(settings.resolution))
    if settings.data == NOISE:
        drawn = [np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) for seed in seeds]
        batches = [
            ImageBatch(images, _random_labels(settings, seed)) for images, seed in zip(drawn, seeds, strict=True)
        ]
        return Drawn(tuple(batches), "noise from N(0, 1), labels at random")
    images = of_channels(_open(settings.data, Decoding(settings.white)), settings.in_channels)
    check_taken(channels, images.channels, f"those of {images.name}")
    show = shower(images, settings.resolution)
    count = len(images)
    if count < settings.batch_size:
        raise DataError(f"{images.name} has {count:,} images, fewer than a batch of {settings.batch_size}")
    own = len(images.classes) == classes
    batches = []
    for seed in seeds:
        chosen = np.random.default_rng(seed).choice(count, settings.batch_size, replace=False)
        labels = images.labels[chosen] if own else _random_labels(settings, seed)
        batches.append(ImageBatch(show(chosen.tolist()), labels))
    note = f"{images.name}, labels " + (
        "its own" if own else f"at random (it has {len(images.classes)} classes, not {classes})"
    )
    return Drawn(tuple(batches), "; ".join((note, *images.notes)))


def lasting_images(data: str) -> str:
    """Return a value of `data` for which `draw_batches` finds the same images from any folder."""
    return NOISE if data == NOISE else lasting_dataset(data)


def _random_labels(settings: CorrelateSettings, seed: int) -> NDArray[np.int64]:
    generator = np.random.default_rng([seed, 1])  # independent of the images
    return generator.integers(settings.num_classes or 1, size=settings.batch_size, dtype=np.int64)


def _open(data: str, decoding: Decoding) -> ImageSet:
    """Raises DataError."""
    if known_dataset(data) is not None:
        try:
            return open_set(data, "train", decoding=decoding)
        except AbsentError as error:  # the message of the error names a flag that this command does not have
            raise DataError(f"{error.where}: {error.remedy}, or choose other images with --data") from None
    if not Path(data).exists():
        raise DataError(
            f"there is no data {data[:200]!r}, expected {NOISE}, {', '.join(names_to_open())}, a folder of images or "
            "an .npz file"
        )
    return open_any(Path(data), decoding)
