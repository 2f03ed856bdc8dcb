"""Images for checking, calibrating and measuring exported files, prepared for a model. Reading them imports torch.

Calibration uses training images only; the accuracy of a calibrated file is measured on the test images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from PlainNet.sizes import sides
from zennas.accuracy.suited import check_folder, held_out_fraction, suited, usual_dataset
from zennas.data import DataError, ImageSet, known_dataset, open_set
from zennas.data.channels import of_channels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zennas.data.base import Shown, Split
    from zennas.named.models import TrainedModel

BATCH = 32
NOISE = "noise of mean 0 and standard deviation 1"


@dataclass(frozen=True)
class Sets:
    """The images that an export uses. test: for measuring accuracy; train: for calibration; None if not needed."""

    test: ImageSet | None = None
    train: ImageSet | None = None


def needed(model: TrainedModel, calibrated: bool, dataset: str | None, folder: Path | None) -> Sets:
    """Open the images that an export needs.

    calibrated: whether the format needs calibration; without a name, it uses the data set that the model was trained
    on, if that is on this machine. dataset, folder: as in `open_set`.
    Raises DataError if images are missing or have other classes, or if there are none for calibration;
    WrongSettingError if `folder` is given for a data set that takes none.
    """
    own = usual_dataset(model) if model.facts.get("dataset") else None
    name = dataset if dataset is not None else own if folder is not None or (calibrated and _is_here(own)) else None
    check_folder(name, folder)
    if name is None and calibrated:
        raise DataError(
            f"calibrating {model.name} needs images, and its training data set is not on this machine: "
            "name a data set with --dataset, and its folder with --data"
        )
    if name is None:
        return Sets()
    test = opened(name, "test", folder, model)
    if not calibrated:
        return Sets(test)
    train = opened(name, "train", folder, model)
    if (train.name, train.fingerprint) == (test.name, test.fingerprint):
        raise DataError(
            f"{name} has the same images for training and for testing, but calibration and accuracy need different "
            "ones: name a data set with both parts"
        )
    return Sets(test, train)


def _is_here(name: str | None) -> bool:
    """Whether a data set can be opened without a download."""
    if name is None:
        return False
    known = known_dataset(name)
    if known is None:
        return Path(name).expanduser().exists()
    return known.open is not None and (known.place is None or known.place.exists())


def opened(name: str, split: Split, folder: Path | None, model: TrainedModel) -> ImageSet:
    """Open one part of a data set. Raises DataError if it is missing, or has classes that the model does not know."""
    fraction = held_out_fraction(model, name)
    whole = of_channels(open_set(name, split, folder, model.shown.decoding, fraction), model.shown.channels)
    images, doubt = suited(model, whole)
    if len(images) < len(whole):
        raise DataError(f"{doubt}: name the data set of the model with --dataset")
    return images


def spread(images: ImageSet, count: int) -> list[int]:
    """Return the indices of `count` images, or of all if there are fewer, spread evenly over the set."""
    return list(np.linspace(0, len(images) - 1, min(count, len(images))).astype(int).tolist())


def batches(
    images: ImageSet, rows: list[int], shown: Shown, size: int = BATCH, skip_corrupt: bool = False
) -> Iterator[NDArray[np.float32]]:
    """Yield the images with the indices `rows`, normalised, as batches (n, C, H, W) with n up to `size`.

    Raises DataError if an image is corrupt and must not be skipped.
    """
    import torch

    from zennas.data.loading import Loader, in_batches
    from zennas.data.preparation import Normaliser, view_of

    device = torch.device("cpu")
    show = Normaliser(shown.normalisation, shown.resolution, device)
    plan = in_batches(rows, size)
    for batch in Loader(images, view_of(images, shown), device, skip_corrupt=skip_corrupt)(plan):
        if len(batch.labels):
            yield np.ascontiguousarray(show(batch.images).numpy())


class Calibration:
    """Images for calibration, as an iterable of batches (n, C, H, W). `seen` is the number of images given so far."""

    def __init__(self, images: ImageSet, count: int, shown: Shown, size: int, skip_corrupt: bool) -> None:
        self.name = images.name
        self.seen = 0
        self._batches = batches(images, spread(images, count), shown, size, skip_corrupt)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for batch in self._batches:
            self.seen += len(batch)
            yield batch


class NoiseCalibration:
    """Noise for the calibration of a network without training, in the form of `Calibration`."""

    def __init__(self, count: int, shown: Shown, size: int) -> None:
        self.name = NOISE
        self.seen = count
        self._images = noise(count, shown)
        self._size = size

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for start in range(0, self.seen, self._size):
            yield self._images[start : start + self._size]


def noise(count: int, shown: Shown) -> NDArray[np.float32]:
    """Return random numbers with the mean and deviation of normalised images, (count, C, H, W), as a substitute."""
    shape = (count, shown.channels, *sides(shown.resolution))
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
