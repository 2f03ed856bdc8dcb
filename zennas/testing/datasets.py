"""Contracts of data sets: they contain what their record says, and do not change. Imports torch."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import torch
from torchvision.transforms import v2

from PlainNet.sizes import Size, sides
from zennas.data import DATASETS, DataError, DataSet, ImageSet, open_set
from zennas.data.base import Split
from zennas.testing.expecting import expect, expect_equal, expect_refused

SPLITS: tuple[Split, ...] = ("train", "test")


def _not_here(known: DataSet) -> str | None:
    if known.open is None:
        return f"{known.name} has no images"
    if known.place is not None and not known.place.exists():
        return f"{known.name} is not in {known.place}"
    return None


def its_record_is_whole(known: DataSet) -> str | None:
    """Names, number of classes, resolution and AutoAugment policy are valid."""
    for name in (known.name, *known.synonyms):
        expect(DATASETS.get(name) is known, f"{known.name} is not registered as {name}")
    expect(known.classes >= 2, f"{known.name} has {known.classes} classes, expected two or more")
    expect(
        known.resolution is None or min(sides(known.resolution)) >= 1,
        f"the images of {known.name} have {known.resolution} pixels",
    )
    expect(known.how_to_get and "\n" not in known.how_to_get, f"how_to_get of {known.name} is not one line of text")
    policies = [policy.value for policy in v2.AutoAugmentPolicy]
    expect(known.usual.policy in policies, f"the policy of {known.name} is {known.usual.policy}, expected {policies}")
    return None


def images_that_are_absent_are_reported(known: DataSet) -> str | None:
    """Opening a data set without images raises DataError in one line that names it."""
    if known.open is not None:
        return f"{known.name} might be downloaded, so this is not tried"
    expect_refused(DataError, lambda: open_set(known.name, "test"), known.name, f"opening {known.name}")
    return None


def it_holds_what_its_record_says(known: DataSet) -> str | None:
    """Classes, labels and sizes match the record; images are uint8, and the function that reads them can be pickled."""
    if reason := _not_here(known):
        return reason
    for split in SPLITS:
        found = open_set(known.name, split)
        expect_equal(len(found.classes), known.classes, f"classes of {found.name}")
        expect(len(found) > 0, f"{found.name} contains no images")
        expect_equal((found.labels.dtype, found.labels.ndim), (np.dtype(np.int64), 1), f"labels of {found.name}")
        expect(
            found.labels.min() >= 0 and found.labels.max() < known.classes, f"{found.name} has labels without a class"
        )
        for i in {0, len(found) // 2, len(found) - 1}:
            _check_image(found, i, known.resolution)
        expect(pickle.dumps(found.read), f"`read` of {found.name} cannot be pickled for workers")
    return None


def _check_image(found: ImageSet, index: int, resolution: Size | None) -> None:
    image = found.read(index)
    expect_equal((image.dtype, image.ndim), (torch.uint8, 3), f"kind of image {index} of {found.name}")
    expect_equal(image.shape[0], found.channels, f"channels of image {index} of {found.name}")
    if resolution is not None:
        expect_equal(tuple(image.shape[1:]), sides(resolution), f"size of image {index} of {found.name}")
    if found.pixels is not None:
        expect(torch.equal(image, found.pixels[index]), f"image {index} of {found.name} is not the one in `pixels`")


def its_parts_differ_and_stay(known: DataSet) -> str | None:
    """Training and test images have the same classes but differ; opening them again gives the same images."""
    if reason := _not_here(known):
        return reason
    train, test = (open_set(known.name, split) for split in SPLITS)
    expect_equal(train.classes, test.classes, f"classes of {train.name} and of {test.name}")
    expect(train.fingerprint != test.fingerprint, f"{train.name} and {test.name} are the same images")
    for split, before in zip(SPLITS, (train, test), strict=True):
        again = open_set(known.name, split)
        expect_equal(again.fingerprint, before.fingerprint, f"fingerprint of {before.name}, opened again")
        expect(np.array_equal(again.labels, before.labels), f"labels of {before.name} change when it is opened again")
    return None


CONTRACTS: tuple[Callable[[DataSet], str | None], ...] = (
    its_record_is_whole,
    images_that_are_absent_are_reported,
    it_holds_what_its_record_says,
    its_parts_differ_and_stay,
)
