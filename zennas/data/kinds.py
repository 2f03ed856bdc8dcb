"""Which kind of images a set has, small ones or photographs. The images decide, so that it does not matter how they are
stored. torch is imported when images are read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from zennas.data.base import CorruptImageError, Normalisation, Usual
from zennas.data.decoding import Header
from zennas.data.grey import DEEP

if TYPE_CHECKING:
    from torch import Tensor

SMALL_SIDE = 64
"""Largest side, in pixels, of small images, which are squares of one size."""
SMALL = Usual(normalisation=None, crop="shift", flip=True, policy="cifar10")
GREY = replace(SMALL, flip=False, policy="svhn", shift=1 / 16)
"""Small grey images are mostly characters, which become others in a mirror."""
PHOTOGRAPHS = Usual(
    Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), crop="resized", flip=True, policy="imagenet"
)
SAMPLE = 50
"""Number of images that are looked at first."""
MOST_BYTES = 2**30
"""Largest size of images that are decoded once and kept in memory."""


class Kind(NamedTuple):
    """pixels: all images, (N, 3, S, S) in uint8; None if they are not kept in memory, or one cannot be read."""

    usual: Usual
    pixels: Tensor | None = None


def kind_of(
    count: int, header: Callable[[int], Header | None], read: Callable[[int], Tensor], keep: bool = True
) -> Kind:
    """Return the kind of `count` images: small if all are squares of one size of at most `SMALL_SIDE` pixels.

    Images that cannot be read do not count. header, read: functions from an index to an image. keep: whether to look at
    all images, and to keep small ones in memory.

    Raises UnknownRangeError if `read` does.
    """
    rows = range(0, count, max(1, count // SAMPLE))
    found = {(one.width, one.height) for one in map(header, rows) if one is not None}
    width, height = next(iter(found)) if len(found) == 1 else (0, 1)
    if width != height or width > SMALL_SIDE:
        _try_one(read, rows, header)
        return Kind(PHOTOGRAPHS)
    if keep and 3 * width * width * count <= MOST_BYTES:
        return _kept(count, read, width)
    for i in range(count) if keep else ():
        one = header(i)
        if one is not None and (one.width, one.height) != (width, width):
            return Kind(PHOTOGRAPHS)
    sample = [image for image in (_readable(read, i) for i in rows) if image is not None]
    return Kind(GREY if sample and all(_is_grey(image) for image in sample) else SMALL)


def _kept(count: int, read: Callable[[int], Tensor], side: int) -> Kind:
    import torch

    pixels = torch.empty((count, 3, side, side), dtype=torch.uint8)
    grey, missing = True, 0
    for i in range(count):
        image = _readable(read, i)
        if image is None:
            missing += 1
            continue
        if image.shape[1:] != (side, side):
            return Kind(PHOTOGRAPHS)
        grey = grey and _is_grey(image)
        pixels[i] = image
    return Kind(GREY if grey and missing < count else SMALL, None if missing else pixels)


def _try_one(read: Callable[[int], Tensor], rows: range, header: Callable[[int], Header | None]) -> None:
    """Decode an image of more than 8 bits, if there is one: a training should not start if its white is not known."""
    deep = (i for i in rows if (one := header(i)) is not None and one.mode in DEEP)
    next((image for image in (_readable(read, i) for i in deep) if image is not None), None)


def _readable(read: Callable[[int], Tensor], index: int) -> Tensor | None:
    try:
        return read(index)
    except CorruptImageError:
        return None


def _is_grey(image: Tensor) -> bool:
    return bool((image[0] == image[1]).all() and (image[1] == image[2]).all())
