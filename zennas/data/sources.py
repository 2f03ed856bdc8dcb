"""Opening a set of images by name or path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from PlainNet.sizes import Size
from zennas.data.base import DataError, Decoding, ImageSet, Normalisation, Shown, Split, normalisation_of
from zennas.data.folder import class_folders, has_parts, held_out, image_folder
from zennas.data.packed import archive, held_out_of_archive, is_packed, names_a_part, packed
from zennas.data.registry import DataSet, UnknownDataSetError, known_dataset, names_to_open


def open_set(
    name: str,
    split: Split,
    folder: Path | None = None,
    decoding: Decoding = Decoding(),
    val_fraction: float | None = None,
) -> ImageSet:
    """Open the "train" or "test" images of a data set.

    name: a data set in `DATASETS`, a folder with train/ and val/ that have one folder per class, an .npz archive of
    JPEG files, or a folder with two such archives. folder: where a named data set such as CIFAR or ImageNet is, in its
    original form or as such archives; by default Zen-NAS's place in ~/data. decoding: how files are decoded; named data
    sets in their original form have their own way. val_fraction: the share of each class that is held out for testing,
    in a folder of class folders or a single archive; None for data sets with test images.
    Raises DataError, with what is missing and how to get it, if the images cannot be opened.
    """
    if split not in get_args(Split):
        raise DataError(f"split is {split!r}, expected {' or '.join(get_args(Split))}")
    known = known_dataset(name)
    if val_fraction is not None and known is not None:
        raise DataError(f"{known.name} has its own test images: leave out --val-fraction")
    if known is not None:
        return _open(known, split, folder, decoding)
    path = Path(name)
    if val_fraction is not None and path.is_dir() and not is_packed(path):
        return held_out(path, split, val_fraction, decoding)
    if val_fraction is not None and is_packed(path):
        return held_out_of_archive(path, split, val_fraction, decoding)
    if is_packed(path):
        return packed(path, split, decoding)
    if not path.exists():
        raise UnknownDataSetError(
            f"there is no data set {name[:200]!r}: expected {', '.join(names_to_open())}, a folder with train/ and "
            "val/, or an .npz archive of JPEG files"
        )
    return image_folder(path, split, decoding)


def training_normalisation(test: ImageSet, name: str, folder: Path | None = None) -> Normalisation:
    """Return the normalisation with which networks are trained on a data set, given its test images.

    It is the published one, or else that of the training images. name, folder: as in `open_set`.

    Raises DataError if the training images are needed and cannot be opened.
    """
    return normalisation_of(test if test.usual.normalisation else open_set(name, "train", folder))


def lasting_dataset(name: str) -> str:
    """Return a name that `open_set` understands from any current folder: a data set's name, or an absolute path."""
    known = known_dataset(name)
    return known.name if known is not None else str(Path(name).resolve())


def open_any(path: Path, decoding: Decoding = Decoding()) -> ImageSet:
    """Open images of any part: an archive as it is, the training images of a folder, or a folder of classes.

    decoding: how files are decoded. Raises DataError if `path` is none of these.
    """
    if path.is_file():
        return archive(path, keep=False, decoding=decoding)
    if is_packed(path):
        return packed(path, "train", decoding)
    return class_folders(path / "train" if (path / "train").is_dir() else path, decoding, keep=False)


def shower(images: ImageSet, resolution: Size) -> Callable[[Sequence[int]], NDArray[np.float32]]:
    """Return a function from positions to images as networks get them: normalised, (N, C, H, W) in float32."""
    import torch

    from zennas.data.preparation import Normaliser, view_of

    shown = Shown(normalisation_of(images), resolution, resolution)
    normaliser = Normaliser(shown.normalisation, resolution, torch.device("cpu"))
    view = view_of(images, shown)

    def show(chosen: Sequence[int]) -> NDArray[np.float32]:
        read = [images.read(i)[None] for i in chosen]
        batch = torch.cat([normaliser(image if view is None else view(image)) for image in read])
        return np.asarray(batch.numpy(), dtype=np.float32)

    return show


def _open(known: DataSet, split: Split, folder: Path | None, decoding: Decoding) -> ImageSet:
    if known.open is None:
        raise DataError(f"the images of {known.name} cannot be opened by its name: {known.how_to_get}")
    place = folder or known.place
    if known.folder is not None and place is not None and is_packed(place):
        return packed(place, split, decoding)
    if known.files and place is not None and place.is_dir():
        return image_folder(place, split, decoding)
    return known.open(split, place)


def has_test_images(name: str) -> bool:
    """Whether a data set has test images of its own, so that none need be held out. name: as in `open_set`."""
    path = Path(name)
    if known_dataset(name) is not None:
        return True
    return names_a_part(path) if is_packed(path) else has_parts(path)
