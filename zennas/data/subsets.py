"""Parts of a set of images, and sets with other labels. Does not import torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from zennas.data.base import ImageSet

if TYPE_CHECKING:
    from torch import Tensor


def subset(images: ImageSet, rows: NDArray[np.int64]) -> ImageSet:
    """Return the images with the indices `rows`, in this order."""
    if np.array_equal(rows, np.arange(len(images))):
        return images
    return replace(
        images,
        labels=images.labels[rows],
        read=_Read(images.read, rows),
        fingerprint=f"{images.fingerprint}-{crc32(np.ascontiguousarray(rows).tobytes()):08x}",
        pixels=None if images.pixels is None else images.pixels[rows],
    )


def drawn(images: ImageSet, count: int) -> ImageSet:
    """Return so many of the images, always the same ones, in their order."""
    return subset(images, np.sort(np.random.default_rng(0).permutation(len(images))[:count]))


def relabelled(images: ImageSet, labels: NDArray[np.int64], classes: tuple[str, ...]) -> ImageSet:
    """Return the same images with other labels, (N,), and the classes that these belong to."""
    numbers = np.ascontiguousarray(labels, dtype=np.int64)
    return replace(
        images, labels=numbers, classes=classes, fingerprint=f"{images.fingerprint}-{crc32(numbers.tobytes()):08x}"
    )


@dataclass(frozen=True, eq=False)
class _Read:
    """Reads images of a part; a class and not a closure, so that it can be pickled for workers."""

    whole: Callable[[int], Tensor]
    rows: NDArray[np.int64]

    def __call__(self, index: int) -> Tensor:
        return self.whole(int(self.rows[index]))
