"""What a set of labelled images is. Imports torch when images are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from zennas.common.errors import ZennasError

if TYPE_CHECKING:
    from torch import Tensor

Split = Literal["train", "test"]
SAMPLE = 2000
"""From how many images mean and deviation are taken where nobody has published them."""


class DataError(ZennasError, RuntimeError):
    """Images that are not there, or not what they are said to be."""


class CorruptImageError(DataError):
    """One image that cannot be decoded; its message names it."""


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of the channels red, green and blue, of values from 0 to 1."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            least = 0 if name == "mean" else 1e-6
            if len(values) != 3 or not all(isinstance(v, float) and least <= v <= 1 for v in values):
                raise DataError(f"{name} of the normalisation is {values}, expected three numbers from {least} to 1")

    def to_json(self) -> dict[str, list[float]]:
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_json(cls, found: Any) -> Normalisation:
        """Raises DataError."""
        try:
            mean, std = (tuple(float(v) for v in found[name]) for name in ("mean", "std"))
        except (KeyError, TypeError, ValueError):
            raise DataError(f"{found!r} is not a normalisation, expected mean and std, three numbers each") from None
        return cls(mean, std)  # type: ignore[arg-type]  # of three, as is checked


@dataclass(frozen=True)
class Usual:
    """How images of a kind are usually shown to a network.

    normalisation: None where it is to be measured. crop: "shift" by some pixels for small images of one size,
    "resized", a random part, for photographs. flip: whether a mirrored image keeps its class. policy: of AutoAugment.
    shift: at most so much of the side.
    """

    normalisation: Normalisation | None
    crop: Literal["shift", "resized"]
    flip: bool
    policy: Literal["cifar10", "imagenet", "svhn"]
    shift: float = 1 / 8


@dataclass(frozen=True)
class Shown:
    """How images are shown to a network.

    resolution: of the network. crop: of the protocol, in pixels, for photographs.
    """

    normalisation: Normalisation
    resolution: int
    crop: int


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images.

    name: for people. classes: their names. labels: (N,). read: image i, (3, H, W) in uint8; raises CorruptImageError.
    pixels: all of them, (N, 3, S, S) in uint8, where they are of one size and in memory.
    fingerprint: equal for equal images, as far as can be told without reading them all.
    """

    name: str
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    read: Callable[[int], Tensor]
    usual: Usual
    fingerprint: str
    pixels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)


def in_memory(name: str, classes: tuple[str, ...], labels: Any, pixels: Tensor, usual: Usual) -> ImageSet:
    """A set of images that are all there. labels: (N,); pixels: (N, 3, S, S) in uint8."""
    from zlib import crc32

    numbers = np.asarray(labels, dtype=np.int64)
    # Three lines of pixels of each image tell sets apart; all of them would take longer than training begins in.
    middle = pixels.shape[-1] // 2
    some = np.ascontiguousarray(pixels[:, :, middle].numpy())
    fingerprint = f"{pixels.shape[0]}x{pixels.shape[-1]}-{crc32(some.tobytes(), crc32(numbers.tobytes())):08x}"
    return ImageSet(name, classes, numbers, pixels.__getitem__, usual, fingerprint, pixels)


def normalisation_of(images: ImageSet) -> Normalisation:
    """The usual one, else one that is measured on the images. Raises DataError."""
    return images.usual.normalisation or measured_normalisation(images)


def measured_normalisation(images: ImageSet) -> Normalisation:
    """Mean and deviation of at most `SAMPLE` images, evenly from the whole set; corrupt ones are left out.

    Raises DataError where no image can be read.
    """
    import torch

    chosen = np.linspace(0, len(images) - 1, min(SAMPLE, len(images))).astype(int)
    sums, squares, count = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64), 0
    unread: CorruptImageError | None = None
    for i in chosen.tolist():
        try:
            image = images.read(i).double().div_(255)
        except CorruptImageError as error:  # who shows the images tells of it, or may leave it out
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
    return Normalisation(*rounded)  # type: ignore[arg-type]  # of three


def check_classes(labels: NDArray[np.int64], classes: tuple[str, ...], place: Path | str) -> None:
    """Raises DataError for a label without a class."""
    if len(labels) == 0:
        raise DataError(f"{place} contains no images")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(classes):
        wrong = low if low < 0 else high
        raise DataError(f"{place} has label {wrong}, expected 0 to {len(classes) - 1} for its {len(classes)} classes")
