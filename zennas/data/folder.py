"""A folder with `train/CLASS/*` and `val/CLASS/*` images, as ImageNet's, or one part of it with `CLASS/*`."""

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
    """Raises DataError saying what was looked for."""
    return class_folders(_part(folder, split))


def class_folders(place: Path) -> ImageSet:
    """The images of `place`, which has a folder for each class. Raises DataError."""
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
    """The folder of the classes of that part; a folder of classes is the part itself for a test."""
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
    """Of files, and no function in a function, so that workers can be given it."""

    paths: tuple[str, ...]

    def __call__(self, index: int) -> Tensor:
        path = self.paths[index]
        try:
            return decoded(path)
        except CorruptImageError as error:
            raise CorruptImageError(f"{path} cannot be read as an image: {error}") from None
