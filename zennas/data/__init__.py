"""Labelled images: `digits`, CIFAR, ImageNet, folders and archives of JPEG files.

    images = open_set("cifar10", "test")       # an ImageSet, see base.py
    images = open_set("runs/photos", "train")

`DATASETS` contains the data sets known by name, one file in `sets/` each; `folder.py` and `packed.py` read others.
`kinds.py` decides how images are prepared, `recorded.py` stores that with a network, `classes.py` matches class names.
`loading.py` makes batches, which do not depend on the number of processes.
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
from zennas.data.sources import lasting_dataset, open_any, open_set, training_normalisation

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
    "training_normalisation",
]
