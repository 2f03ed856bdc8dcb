"""Which set of images a name means."""

from __future__ import annotations

from pathlib import Path

from zennas.data.base import DataError, ImageSet, Split
from zennas.data.cifar import FOLDERS, cifar
from zennas.data.digits import digits
from zennas.data.folder import IMAGENET, class_folders, image_folder
from zennas.data.packed import archive, is_packed, packed

KNOWN = ("digits", "cifar10", "cifar100", "imagenet")


def open_set(name: str, split: Split, folder: Path | None = None) -> ImageSet:
    """The images to "train" or to "test" with.

    name: one of `KNOWN`; or a folder with train/ and val/, each with a folder for each class; or an .npz archive of
    JPEG files, or a folder with two. folder: where CIFAR or ImageNet is, else in Zen-NAS's place in ~/data.
    Raises DataError: what was looked for, where, and how to get it.
    """
    if name == "digits":
        return digits(split)
    if name in FOLDERS and folder is not None and is_packed(folder):
        return packed(folder, split)
    if name in FOLDERS:
        return cifar(name, split, folder)
    if name == "imagenet":
        return _imagenet(split, folder or IMAGENET.expanduser())
    path = Path(name)
    if is_packed(path):
        return packed(path, split)
    if not path.exists():
        raise DataError(
            f"there are no images {name[:200]!r}: expected {', '.join(KNOWN)}, a folder with train/ and val/, or an "
            ".npz archive of JPEG files"
        )
    return image_folder(path, split)


def full_name(name: str) -> str:
    """What `open_set` takes for the same images in every folder: a name of `KNOWN` as it is, else the whole path."""
    return name if name in KNOWN else str(Path(name).resolve())


def open_any(path: Path) -> ImageSet:
    """Images to look at, of whichever part: an archive as it is; of a folder what there is to train with, or the
    folder of classes itself. Raises DataError.
    """
    if path.is_file():
        return archive(path, keep=False)
    if is_packed(path):
        return packed(path, "train")
    return class_folders(path / "train" if (path / "train").is_dir() else path)


def _imagenet(split: Split, folder: Path) -> ImageSet:
    if folder.is_dir() and is_packed(folder):
        return packed(folder, split)
    if not folder.is_dir():
        raise DataError(
            f"imagenet is not in {folder}: unpack ILSVRC2012 there as train/CLASS/*.JPEG and val/CLASS/*.JPEG "
            "(it is had from its makers, on request), or say where it is with --data"
        )
    return image_folder(folder, split)
