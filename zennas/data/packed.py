"""JPEG files in an .npz archive.

Its arrays are `jpeg` (uint8), in which image i extends from `offsets`[i] to `offsets`[i + 1], `labels`, and optionally
`classes`, the names of the classes.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zennas.data.base import CorruptImageError, DataError, ImageSet, Split, Usual, check_classes, in_memory
from zennas.data.decoding import decoded

if TYPE_CHECKING:
    from torch import Tensor

ARRAYS = ("jpeg", "offsets", "labels")
SMALL = 64
"""Largest side, in pixels, of images that are decoded once and kept in memory."""
MOST_CLASSES = 1_000_000
"""Limit of the number of classes if `classes` is missing; larger labels are errors."""
USUAL = Usual(normalisation=None, crop="shift", flip=True, policy="cifar10")
LARGE = Usual(normalisation=None, crop="resized", flip=True, policy="imagenet")
TEST_WORDS = ("test", "val")


def packed(path: Path, split: Split) -> ImageSet:
    """Open an archive, or the archive in a folder whose name contains `split` ("test" is also recognised by "val").

    If the name of `path` shows that it is the other part, the matching archive next to it is opened instead.
    Raises DataError if there is no such archive or it is not valid.
    """
    return archive(_of_split(path, split))


def archive(place: Path, keep: bool = True) -> ImageSet:
    """Open one archive. keep: decode all images at once if they are small and of one size.

    Raises DataError if the archive is not valid.
    """
    jpeg, offsets, labels, classes = _arrays(place)
    read = _Reader(place, jpeg, offsets)
    side = _small_side(read, len(labels))
    kept = _all_of_one_size(read, len(labels), side) if keep and side is not None else None
    if kept is not None and kept[1]:
        return in_memory(place.name, classes, labels, kept[0], USUAL)
    # If some are corrupt, reading them later reports or skips them.
    small = side is not None if not keep else kept is not None
    usual = USUAL if small else LARGE
    fingerprint = f"{len(labels)}-{zlib.crc32(jpeg.data, zlib.crc32(labels.data)):08x}"
    return ImageSet(place.name, classes, labels, read, usual, fingerprint)


def is_packed(path: Path) -> bool:
    return path.suffix == ".npz" or (path.is_dir() and any(path.glob("*.npz")))


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
    try:
        with open(path, "rb") as file:
            stored = np.load(file)  # numpy refuses pickles by default
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise DataError(f"{path} contains one array, expected an .npz file with {', '.join(ARRAYS)}")
            missing = [name for name in ARRAYS if name not in stored]
            if missing:
                raise DataError(f"{path} has no {' and no '.join(missing)}, expected the arrays {', '.join(ARRAYS)}")
            found: list[Any] = [np.asarray(stored[name]) for name in ARRAYS]  # bytes if it is not an array
            names = [str(one) for one in np.atleast_1d(stored["classes"])] if "classes" in stored else None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        what = " ".join(str(error).split())
        if "pickle" in what:  # numpy would advise to run the code in it
            what = "it is not one, or it contains pickled objects, which are not loaded"
        raise DataError(f"{path} cannot be read as an .npz file: {what}") from None
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


def _size(content: bytes) -> tuple[int, int] | None:
    """Width and height from the image's header; None if it has none."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            return width, height
    except OSError:
        return None  # reading the image will report it


def _small_side(read: _Reader, count: int) -> int | None:
    """The side of the images, judged by some of them; None if they are large, or not squares of one size."""
    found = (_size(read.content(i)) for i in range(0, count, max(1, count // 50)))
    sizes = {size for size in found if size is not None}
    width, height = next(iter(sizes)) if len(sizes) == 1 else (0, SMALL)
    return width if width == height <= SMALL else None


def _all_of_one_size(read: Callable[[int], Tensor], count: int, side: int) -> tuple[Tensor, bool] | None:
    """All images, (N, 3, S, S), and whether all could be read; None if one has another size."""
    import torch

    kept = torch.empty((count, 3, side, side), dtype=torch.uint8)
    all_there = True
    for i in range(count):
        try:
            image = read(i)
        except CorruptImageError:
            all_there = False
            continue
        if image.shape[1:] != (side, side):
            return None
        kept[i] = image
    return kept, all_there


@dataclass(frozen=True, eq=False)
class _Reader:
    path: Path
    jpeg: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def content(self, index: int) -> bytes:
        return self.jpeg[self.offsets[index] : self.offsets[index + 1]].tobytes()

    def __call__(self, index: int) -> Tensor:
        content = self.content(index)
        try:
            return decoded(io.BytesIO(content))
        except CorruptImageError:
            raise CorruptImageError(
                f"image {index} of {self.path} cannot be decoded: {content[:8]!r}… is not a JPEG file"
            ) from None
