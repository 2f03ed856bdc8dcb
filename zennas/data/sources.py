"""Which set of images a name means."""

from __future__ import annotations

from pathlib import Path

from zennas.data.base import DataError, ImageSet, Split
from zennas.data.folder import class_folders, image_folder
from zennas.data.packed import archive, is_packed, packed
from zennas.data.registry import DataSet, known_dataset, names_to_open


def open_set(name: str, split: Split, folder: Path | None = None) -> ImageSet:
    """The images to "train" or to "test" with.

    name: of a data set in `DATASETS`; or a folder with train/ and val/, each with a folder for each class; or an .npz
    archive of JPEG files, or a folder with two. folder: where a data set is, such as CIFAR or ImageNet, as its makers
    have it or in such archives; else in Zen-NAS's place in ~/data.
    Raises DataError: what was looked for, where, and how to get it.
    """
    known = known_dataset(name)
    if known is not None:
        return _open(known, split, folder)
    path = Path(name)
    if is_packed(path):
        return packed(path, split)
    if not path.exists():
        raise DataError(
            f"there is no data set {name[:200]!r}: expected {', '.join(names_to_open())}, a folder with train/ and "
            "val/, or an .npz archive of JPEG files"
        )
    return image_folder(path, split)


def lasting_dataset(name: str) -> str:
    """What `open_set` takes for the same images in every folder: the name of a data set, else the whole path."""
    known = known_dataset(name)
    return known.name if known is not None else str(Path(name).resolve())


def open_any(path: Path) -> ImageSet:
    """Images to look at, of whichever part: an archive as it is; of a folder what there is to train with, or the
    folder of classes itself. Raises DataError.
    """
    if path.is_file():
        return archive(path, keep=False)
    if is_packed(path):
        return packed(path, "train")
    return class_folders(path / "train" if (path / "train").is_dir() else path)


def _open(known: DataSet, split: Split, folder: Path | None) -> ImageSet:
    if known.open is None:
        raise DataError(f"the images of {known.name} cannot be opened by its name: {known.how_to_get}")
    place = folder or known.place
    if known.folder is not None and place is not None and is_packed(place):
        return packed(place, split)
    return known.open(split, place)
