"""`imagenet`: ILSVRC2012 with its thousand classes, as a folder of photographs in Zen-NAS's place."""

from __future__ import annotations

from pathlib import Path

from zennas.data.base import ImageSet, Split
from zennas.data.folder import USUAL, image_folder
from zennas.data.registry import DataSet, register


def imagenet(split: Split, folder: Path | None) -> ImageSet:
    """Open one part of `folder`, which has train/ and val/ with one folder per class.

    Raises DataError if it is missing or invalid.
    """
    if folder is None or not folder.is_dir():
        raise IMAGENET.absent(folder)
    return image_folder(folder, split)


IMAGENET = register(
    DataSet(
        "imagenet",
        1000,
        None,
        USUAL,
        how_to_get="unpack ILSVRC2012 there as train/CLASS/*.JPEG and val/CLASS/*.JPEG (request it from image-net.org)",
        open=imagenet,
        folder="~/data/imagenet",
        synonyms=("imagenet1k",),
        files=True,
        assumed=True,
    )
)
