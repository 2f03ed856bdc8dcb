"""Sets of labelled images. torch is imported when images are read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from PlainNet.sizes import Size
from zennas.common.errors import ZennasError

if TYPE_CHECKING:
    from torch import Tensor

Split = Literal["train", "test"]
SAMPLE = 2000
"""Largest number of images from which mean and deviation are measured, if there are no published ones."""


class DataError(ZennasError, RuntimeError):
    """Images are missing or invalid."""


class CorruptImageError(DataError):
    """An image cannot be decoded; the message names it."""


class UnknownRangeError(DataError):
    """The value of white in an image is not known; the message names it."""


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel, such as red, green and blue, for values from 0 to 1.

    Raises DataError if a value is not a number in its range, or the two have different numbers of channels.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            least = 0 if name == "mean" else 1e-6
            if not values or not all(isinstance(v, float) and least <= v <= 1 for v in values):
                raise DataError(
                    f"{name} of the normalisation is {values}, expected a number from {least} to 1 for each channel"
                )
        if len(self.mean) != len(self.std):
            raise DataError(
                f"the normalisation has {len(self.mean)} numbers in mean and {len(self.std)} in std, expected as many"
            )

    @property
    def channels(self) -> int:
        """The number of channels."""
        return len(self.mean)

    def to_json(self) -> dict[str, list[float]]:
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_json(cls, found: Any) -> Normalisation:
        """Return the normalisation that `to_json` gave. Raises DataError if `found` is not one."""
        try:
            mean, std = (tuple(float(v) for v in found[name]) for name in ("mean", "std"))
        except (KeyError, TypeError, ValueError):
            raise DataError(
                f"{found!r} is not a normalisation, expected mean and std, a number each for every channel"
            ) from None
        return cls(mean, std)


@dataclass(frozen=True)
class Usual:
    """How images of a data set are usually prepared for a network.

    normalisation: None to measure it on the images. crop: "shift" by a few pixels, for small images of one size, or
    "resized", a random part, for photographs. flip: whether a mirrored image keeps its class. policy: AutoAugment's
    policy. shift: largest shift as a share of height and width.
    """

    normalisation: Normalisation | None
    crop: Literal["shift", "resized"]
    flip: bool
    policy: Literal["cifar10", "imagenet", "svhn"]
    shift: float = 1 / 8


@dataclass(frozen=True)
class Decoding:
    """How files are decoded.

    white: the value that is white in grey images of more than 8 bits; None refuses such images, because a file does not
    say how many of its bits are used. upright: whether EXIF's orientation is applied, as viewers do.
    Raises DataError if white is not a number above 0.
    """

    white: float | None = None
    upright: bool = True

    def __post_init__(self) -> None:
        white = self.white
        if (
            isinstance(white, bool)
            or not isinstance(white, (int, float, type(None)))
            or not isinstance(self.upright, bool)
        ):
            raise DataError(f"{self} is not a way to decode images: expected a number and True or False")
        if white is not None and not 0 < white < math.inf:
            raise DataError(f"white is {white}, expected a number above 0")


View = Literal["whole", "centre"]
"""What a network sees of an image: the whole of it, for squares of one size, or the centre, for photographs.

A network whose input is not square sees the largest part of that shape instead of a square."""


@dataclass(frozen=True)
class Shown:
    """How images are prepared for a given network.

    resolution: height and width of the network's input in pixels. crop: those of the centre crop of photographs.
    view: what the network sees of an image; None if that depends on the images, as for networks from elsewhere.
    """

    normalisation: Normalisation
    resolution: Size
    crop: Size
    view: View | None = None
    decoding: Decoding = Decoding()

    @property
    def channels(self) -> int:
        """The channels of the network's input."""
        return self.normalisation.channels


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images.

    name: for messages. classes: their names. labels: (N,). read: function from an index to the image, (C, H, W) in
    uint8, which raises CorruptImageError if the image cannot be decoded. usual: how the images are usually prepared.
    fingerprint: equal for equal sets; computed without decoding all images. pixels: all images, (N, C, H, W) in uint8,
    if they have one size and are in memory, else None. notes: what a user should know, such as files that are not read.
    channels: C, three for red, green and blue.
    """

    name: str
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    read: Callable[[int], Tensor]
    usual: Usual
    fingerprint: str
    pixels: Tensor | None = None
    notes: tuple[str, ...] = ()
    channels: int = 3

    @property
    def view(self) -> View:
        """What networks that are trained on these images see of them."""
        return "centre" if self.usual.crop == "resized" else "whole"

    def __len__(self) -> int:
        return len(self.labels)


def in_memory(name: str, classes: tuple[str, ...], labels: Any, pixels: Tensor, usual: Usual) -> ImageSet:
    """Return a set of images in memory. labels: (N,); pixels: (N, C, H, W) in uint8."""
    from zlib import crc32

    numbers = np.asarray(labels, dtype=np.int64)
    # The middle row of each image is enough to distinguish sets; hashing all pixels would delay training.
    middle = pixels.shape[-2] // 2
    some = np.ascontiguousarray(pixels[:, :, middle].numpy())
    fingerprint = f"{pixels.shape[0]}x{pixels.shape[-1]}-{crc32(some.tobytes(), crc32(numbers.tobytes())):08x}"
    read, channels = pixels.__getitem__, pixels.shape[1]
    return ImageSet(name, classes, numbers, read, usual, fingerprint, pixels, channels=channels)


def normalisation_of(images: ImageSet) -> Normalisation:
    """Return the usual normalisation, or measure it if there is none. Raises DataError if no image can be read."""
    return images.usual.normalisation or measured_normalisation(images)


def measured_normalisation(images: ImageSet) -> Normalisation:
    """Measure mean and deviation on at most `SAMPLE` images, spread evenly over the set; corrupt ones are skipped.

    Raises DataError if no image can be read.
    """
    import torch

    chosen = np.linspace(0, len(images) - 1, min(SAMPLE, len(images))).astype(int)
    sums, squares = (torch.zeros(images.channels, dtype=torch.float64) for _ in range(2))
    count = 0
    unread: CorruptImageError | None = None
    for i in chosen.tolist():
        try:
            image = images.read(i).double().div_(255)
        except CorruptImageError as error:  # the loader reports it, or skips it if allowed
            unread = error
            continue
        sums += image.sum((1, 2))
        squares += image.square().sum((1, 2))
        count += image[0].numel()
    if unread is not None and not count:
        raise DataError(f"no image of {images.name} can be read: {unread}")
    mean = sums / count
    std = (squares / count - mean.square()).clamp_(min=1e-6).sqrt_()
    rounded = [tuple(round(float(v), 6) for v in values) for values in (mean, std)]
    return Normalisation(*rounded)


def check_classes(labels: NDArray[np.int64], classes: tuple[str, ...], place: Path | str) -> None:
    """Raises DataError if there are no labels, or one has no class. place: for the message."""
    if len(labels) == 0:
        raise DataError(f"{place} contains no images")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(classes):
        wrong = low if low < 0 else high
        raise DataError(f"{place} has label {wrong}, expected 0 to {len(classes) - 1} for its {len(classes)} classes")
