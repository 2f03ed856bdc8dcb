"""Matching the classes of images with those that a network knows, by their names. Does not import torch."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple
from unicodedata import normalize

import numpy as np

from zennas.common.numbers import counted
from zennas.data.base import DataError, ImageSet
from zennas.data.subsets import relabelled, subset

NAMED = 5
"""How many class names a message lists."""


class Matched(NamedTuple):
    """Images whose labels are the network's outputs.

    unknown: names of the images' classes that the network does not know; their images are left out, `left_out` of them.
    absent: number of the network's classes without a class in the images.
    """

    images: ImageSet
    unknown: tuple[str, ...] = ()
    left_out: int = 0
    absent: int = 0


def are_numbers(classes: tuple[str, ...]) -> bool:
    """Whether classes have no names: they are called 0, 1, 2 and so on."""
    return classes == tuple(map(str, range(len(classes))))


def by_name(images: ImageSet, classes: tuple[str, ...], whose: str) -> Matched:
    """Match classes by their names: images get the labels of `classes`, and those of unknown classes are left out.

    The order of the classes does not matter. A name that occurs twice (ImageNet has two cranes) is matched in order.
    whose: who knows `classes`, for the message. Raises DataError if no image has one of `classes`.
    """
    if images.classes == classes:
        return Matched(images)
    known = {name: number for number, name in enumerate(_keys(classes))}
    theirs = _keys(images.classes)
    numbers = np.array([known.get(name, -1) for name in theirs], dtype=np.int64)
    labels = numbers[images.labels]
    rows = np.flatnonzero(labels >= 0)
    if not len(rows):
        raise DataError(
            f"{images.name} has no images of the classes of {whose}: it has {listed(images.classes)}, but the classes "
            f"are {listed(classes)}"
        )
    unknown = tuple(name for name, number in zip(images.classes, numbers.tolist(), strict=True) if number < 0)
    found = relabelled(subset(images, rows), labels[rows], classes)
    return Matched(found, unknown, len(images) - len(rows), len(set(known) - set(theirs)))


def described(found: Matched, whole: ImageSet, whose: str) -> str | None:
    """Return a clause that says what does not match, or None if all classes do."""
    said = []
    if found.unknown:
        said.append(
            f"{found.left_out:,} of {counted(len(whole), 'image')} of {whole.name} are left out, because {whose} does "
            f"not know their classes: {listed(found.unknown)}"
        )
    if found.absent:
        present = len(found.images.classes) - found.absent
        said.append(f"{whole.name} has {present:,} of the {len(found.images.classes):,} classes of {whose}")
    return "; ".join(said) or None


def listed(names: tuple[str, ...]) -> str:
    """The first names, and how many there are beyond them."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _keys(names: tuple[str, ...]) -> list[tuple[str, int]]:
    """Each name with its number of earlier occurrences; macOS decomposes the accents of folder names."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        plain = normalize("NFC", name)
        found.append((plain, seen[plain]))
        seen[plain] += 1
    return found
