"""JPEG files in an .npz archive.

Its arrays are `jpeg` (uint8), in which image i extends from `offsets`[i] to `offsets`[i + 1], `labels`, and optionally
`classes`, the names of the classes.
"""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zennas.data.base import (
    CorruptImageError,
    DataError,
    Decoding,
    ImageSet,
    Split,
    UnknownRangeError,
    check_classes,
    in_memory,
)
from zennas.data.decoding import Header, decoded, header_of
from zennas.data.kinds import PHOTOGRAPHS as LARGE
from zennas.data.kinds import SMALL as USUAL
from zennas.data.kinds import kind_of
from zennas.data.npz import read_arrays
from zennas.data.splitting import part_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LARGE", "USUAL", "archive", "held_out_of_archive", "is_packed", "packed"]

ARRAYS = ("jpeg", "offsets", "labels")
MOST_CLASSES = 1_000_000
"""Limit of the number of classes if `classes` is missing; larger labels are errors."""
TEST_WORDS = ("test", "val")


def packed(path: Path, split: Split, decoding: Decoding = Decoding()) -> ImageSet:
    """Open an archive, or the archive in a folder whose name contains `split` ("test" is also recognised by "val").

    If the name of `path` shows that it is the other part, the matching archive next to it is opened instead.
    Raises DataError if there is no such archive or it is not valid.
    """
    return archive(_of_split(path, split), decoding=decoding)


def archive(place: Path, keep: bool = True, decoding: Decoding = Decoding()) -> ImageSet:
    """Open one archive. keep: as in `kind_of`. Raises DataError if the archive is not valid."""
    jpeg, offsets, labels, classes = _arrays(place)
    read = _Reader(place, jpeg, offsets, decoding)
    kind = kind_of(len(labels), read.header, read, keep)
    if kind.pixels is not None:
        return in_memory(place.name, classes, labels, kind.pixels, kind.usual)
    fingerprint = f"{len(labels)}-{zlib.crc32(jpeg.data, zlib.crc32(labels.data)):08x}"
    return ImageSet(place.name, classes, labels, read, kind.usual, fingerprint)


def held_out_of_archive(path: Path, split: Split, fraction: float, decoding: Decoding = Decoding()) -> ImageSet:
    """Open one part of an archive; `fraction` of its images are for testing. Raises DataError if `path` is not one."""
    if path.is_dir():
        raise DataError(f"{path} is a folder of archives: name one, or leave out --val-fraction")
    whole = archive(path, decoding=decoding)
    return part_of(whole, [str(i) for i in range(len(whole))], fraction, split)


def is_packed(path: Path) -> bool:
    return path.suffix == ".npz" or (path.is_dir() and any(path.glob("*.npz")))


def names_a_part(path: Path) -> bool:
    """Whether an archive is one of two, for training and for testing, by its name; a folder of archives has both."""
    return path.is_dir() or _split_of(path) is not None


def _of_split(path: Path, split: Split) -> Path:
    if path.is_dir():
        found = sorted(one for one in path.glob("*.npz") if _split_of(one) == split)
        if len(found) != 1:
            listed = ", ".join(one.name for one in sorted(path.glob("*.npz")))
            raise DataError(f"{path} has {len(found)} {split} archives, expected one; it has {listed}: name a file")
        return found[0]
    if _split_of(path) in (split, None):
        return path
    words = ("train",) if split == "train" else TEST_WORDS
    mine = next(word for word in ("train", *TEST_WORDS) if word in _words(path))
    near = [path.with_name(re.sub(rf"(?<![a-z]){mine}(?![a-z])", word, path.name)) for word in words]
    for one in near:
        if one.is_file():
            return one
    raise DataError(f"{path} is not the {split} part, and {' or '.join(map(str, near))} does not exist")


def _split_of(path: Path) -> Split | None:
    if "train" in _words(path):
        return "train"
    return "test" if any(word in _words(path) for word in TEST_WORDS) else None


def _words(path: Path) -> list[str]:
    """The words of the file name; `latest` does not contain the word test."""
    return re.split(r"[^a-z]+", path.stem)


def _arrays(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], tuple[str, ...]]:
    """`jpeg`, `offsets`, `labels` and the names of the classes. Raises DataError if they are not valid."""
    stored = read_arrays(path, ARRAYS, ("classes",))
    found = [stored[name] for name in ARRAYS]
    names = [str(one) for one in np.atleast_1d(stored["classes"])] if "classes" in stored else None
    for name, array, kinds in zip(ARRAYS, found, ("u", "iu", "iu"), strict=True):
        if array.ndim != 1 or array.dtype.kind not in kinds or (name == "jpeg" and array.dtype != np.uint8):
            wanted = "bytes (uint8)" if name == "jpeg" else "whole numbers"
            raise DataError(
                f"{name} in {path} is {array.dtype} of shape {array.shape}, expected a one-dimensional array of "
                f"{wanted}"
            )
    jpeg, offsets, labels = found[0], found[1].astype(np.int64), found[2].astype(np.int64)
    in_order = (
        len(offsets) == len(labels) + 1
        and (np.diff(offsets) > 0).all()
        and offsets[0] >= 0
        and offsets[-1] <= len(jpeg)
    )
    if not len(labels) or not in_order:
        raise DataError(
            f"{path} is damaged: expected one more offset than labels, increasing and within the length of jpeg"
        )
    if names is None and labels.max() >= MOST_CLASSES:
        raise DataError(
            f"{path} has label {labels.max()}, expected at most {MOST_CLASSES - 1}: without the array classes, "
            "labels must be numbered from 0"
        )
    classes = tuple(str(i) for i in range(int(labels.max()) + 1)) if names is None else tuple(names)
    check_classes(labels, classes, path)
    return jpeg, offsets, labels, classes


@dataclass(frozen=True, eq=False)
class _Reader:
    path: Path
    jpeg: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    decoding: Decoding

    def header(self, index: int) -> Header | None:
        return header_of(io.BytesIO(self.content(index)))

    def content(self, index: int) -> bytes:
        return self.jpeg[self.offsets[index] : self.offsets[index + 1]].tobytes()

    def __call__(self, index: int) -> Tensor:
        try:
            return decoded(io.BytesIO(self.content(index)), self.decoding)
        except (CorruptImageError, UnknownRangeError) as error:
            raise type(error)(f"image {index} of {self.path} cannot be decoded: {error}") from None
