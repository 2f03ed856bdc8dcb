"""A folder with images in `train/CLASS/*` and `val/CLASS/*`, like ImageNet's, or one part of it with `CLASS/*`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from zennas.data.base import (
    CorruptImageError,
    DataError,
    Decoding,
    ImageSet,
    Split,
    UnknownRangeError,
)
from zennas.data.classes import listed
from zennas.data.decoding import Header, decoded, header_of
from zennas.data.kinds import PHOTOGRAPHS as USUAL
from zennas.data.kinds import kind_of
from zennas.data.listing import class_names, list_classes
from zennas.data.splitting import part_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["HOLD_OUT", "TREE", "USUAL", "class_folders", "held_out", "image_folder"]

PARTS: dict[Split, tuple[str, ...]] = {"train": ("train",), "test": ("val", "test")}
TREE = "train/CLASS/*.jpg and val/CLASS/*.jpg"
"""The files of a data set, as messages show them."""
HOLD_OUT = "zennas train --val-fraction 0.2"


def image_folder(folder: Path, split: Split, decoding: Decoding = Decoding()) -> ImageSet:
    """Open one part of a folder with train/ and val/ (or test/). Raises DataError if the part is missing or invalid.

    Test images may lack classes of the training images.
    """
    return class_folders(_part(folder, split), decoding, sparse=split == "test")


def class_folders(place: Path, decoding: Decoding = Decoding(), *, keep: bool = True, sparse: bool = False) -> ImageSet:
    """Open the images in `place`, which has one folder per class.

    keep: as in `kind_of`. sparse: whether class folders may be empty; they are then not counted as classes. Raises
    DataError if there are no images, or a class has none.
    """
    found = list_classes(place)
    if not found.paths:
        what = f"no images in {listed(found.empty)}" if found.empty else "no class folders"
        unread = "" if found.note is None else f" ({found.note})"
        raise DataError(f"{place} is not a folder of classes: it has {what}{unread}, expected CLASS/*.jpg")
    if found.empty and not sparse:
        raise DataError(f"{place} has folders without images: {listed(found.empty)}; remove them, or put images there")
    read = _Reader(found.paths, decoding)
    kind = kind_of(len(found.paths), read.header, read, keep)
    names = "\n".join(os.path.relpath(path, place) for path in found.paths)
    fingerprint = f"{len(found.paths)}-{crc32(os.fsencode(names)):08x}"
    if kind.usual.crop == "shift":
        fingerprint += "-small"  # earlier versions showed them as photographs: their trainings cannot go on like this
    notes = () if found.note is None else (f"{place}: {found.note}",)
    labels = np.asarray(found.labels, dtype=np.int64)
    return ImageSet(str(place), found.classes, labels, read, kind.usual, fingerprint, kind.pixels, notes)


def held_out(folder: Path, split: Split, fraction: float, decoding: Decoding = Decoding()) -> ImageSet:
    """Open one part of a folder with class folders, or with train/ only; `fraction` of the images are for testing.

    Raises DataError if there are test images, or a class has fewer than two images.
    """
    for name in PARTS["test"]:
        if (folder / "train").is_dir() and (folder / name).is_dir():
            raise DataError(f"{folder} has test images in {name}/: leave out --val-fraction")
    place = folder / "train" if (folder / "train").is_dir() else folder
    whole = class_folders(place, decoding)
    keys = [os.path.relpath(path, place) for path in whole.read.paths]  # type: ignore[attr-defined]  # a _Reader
    return part_of(whole, keys, fraction, split)


def has_parts(folder: Path) -> bool:
    """Whether a folder has images for training and for testing, each in a folder of its own."""
    return all(any((folder / name).is_dir() for name in names) for names in PARTS.values())


def _part(folder: Path, split: Split) -> Path:
    """The folder with the classes of a part; for testing, `folder` itself may have the classes."""
    for name in PARTS[split]:
        if (folder / name).is_dir():
            return folder / name
    wanted = " or ".join(str(folder / name) for name in PARTS[split])
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise DataError(f"{folder} {what}, expected a folder with {TREE}")
    try:
        names = tuple(class_names(folder))
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}") from None
    if split == "train" or (folder / "train").is_dir() or not names:
        there = f"it has {listed(names)}" if names else "it has no folders"
        alone = "train" in names if split == "test" else names and not set(PARTS["test"]) & set(names)
        way_out = f", or hold out a part with {HOLD_OUT}" if alone else ""
        raise DataError(f"{folder} has no {split} images: {wanted} does not exist ({there}), expected {TREE}{way_out}")
    return folder


@dataclass(frozen=True)
class _Reader:
    """Reads image files; a class and not a closure, so that it can be pickled for workers."""

    paths: tuple[str, ...]
    decoding: Decoding

    def header(self, index: int) -> Header | None:
        return header_of(self.paths[index])

    def __call__(self, index: int) -> Tensor:
        path = self.paths[index]
        try:
            return decoded(path, self.decoding)
        except (CorruptImageError, UnknownRangeError) as error:
            raise type(error)(f"{path} cannot be read as an image: {error}") from None
