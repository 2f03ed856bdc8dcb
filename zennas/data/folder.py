"""A folder with images in `train/CLASS/*` and `val/CLASS/*`, like ImageNet's, or one part of it with `CLASS/*`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from zennas.data.base import CorruptImageError, DataError, ImageSet, Normalisation, Split, Usual, check_classes
from zennas.data.decoding import decoded

if TYPE_CHECKING:
    from torch import Tensor

USUAL = Usual(Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), "resized", flip=True, policy="imagenet")
PARTS: dict[Split, tuple[str, ...]] = {"train": ("train",), "test": ("val", "test")}


def image_folder(folder: Path, split: Split) -> ImageSet:
    """Open one part of a folder with train/ and val/ (or test/). Raises DataError if the part is missing or invalid."""
    return class_folders(_part(folder, split))


def class_folders(place: Path) -> ImageSet:
    """Open the images in `place`, which has one folder per class. Raises DataError if there are none."""
    from torchvision.datasets import ImageFolder

    try:
        found = ImageFolder(str(place))
    except (FileNotFoundError, OSError) as error:
        raise DataError(f"{place} is not a folder of classes: {' '.join(str(error).split())}") from None
    paths = [path for path, _ in found.samples]
    labels = np.asarray(found.targets, dtype=np.int64)
    check_classes(labels, tuple(found.classes), place)

    names = "\n".join(str(Path(path).relative_to(place)) for path in paths)
    fingerprint = f"{len(paths)}-{crc32(os.fsencode(names)):08x}"
    return ImageSet(str(place), tuple(found.classes), labels, _Reader(tuple(paths)), USUAL, fingerprint)


def _part(folder: Path, split: Split) -> Path:
    """The folder with the classes of a part; for testing, `folder` itself may have the classes."""
    for name in PARTS[split]:
        if (folder / name).is_dir():
            return folder / name
    wanted = " or ".join(str(folder / name) for name in PARTS[split])
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise DataError(f"{folder} {what}, expected a folder with train/CLASS/*.jpg and val/CLASS/*.jpg")
    if split == "train" or (folder / "train").is_dir() or not any(one.is_dir() for one in folder.iterdir()):
        raise DataError(f"{folder} has no {split} images: {wanted} does not exist")
    return folder


@dataclass(frozen=True)
class _Reader:
    """Reads image files; a class and not a closure, so that it can be pickled for workers."""

    paths: tuple[str, ...]

    def __call__(self, index: int) -> Tensor:
        path = self.paths[index]
        try:
            return decoded(path)
        except CorruptImageError as error:
            raise CorruptImageError(f"{path} cannot be read as an image: {error}") from None
