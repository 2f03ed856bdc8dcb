"""Labelled images: `digits`, CIFAR, ImageNet, a folder, packed JPEG files.

    images = open_set("cifar10", "test")       # an ImageSet, see base.py
    images = open_set("runs/photos", "train")

`DATASETS` has what is known by name, one file of `sets/` each; `folder.py` and `packed.py` read what is not.
`loading.py` makes batches of any of them, the same in one process and in many.
"""

from zennas.data.base import (
    CorruptImageError,
    DataError,
    ImageSet,
    Normalisation,
    Shown,
    Usual,
    measured_normalisation,
    normalisation_of,
)
from zennas.data.registry import DATASETS, AbsentError, DataSet, known_dataset, names_to_open
from zennas.data.sources import lasting_dataset, open_any, open_set

__all__ = [
    "DATASETS",
    "AbsentError",
    "CorruptImageError",
    "DataError",
    "DataSet",
    "ImageSet",
    "Normalisation",
    "Shown",
    "Usual",
    "known_dataset",
    "lasting_dataset",
    "measured_normalisation",
    "names_to_open",
    "normalisation_of",
    "open_any",
    "open_set",
]
