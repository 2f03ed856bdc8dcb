"""Labelled images: `digits`, CIFAR, ImageNet, a folder, packed JPEG files.

    images = open_set("cifar10", "test")       # an ImageSet, see base.py
    images = open_set("runs/photos", "train")

One file a kind of source; `loading.py` makes batches of any of them, the same in one process and in many.
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
from zennas.data.sources import KNOWN, full_name, open_any, open_set

__all__ = [
    "KNOWN",
    "CorruptImageError",
    "DataError",
    "ImageSet",
    "Normalisation",
    "Shown",
    "Usual",
    "full_name",
    "measured_normalisation",
    "normalisation_of",
    "open_any",
    "open_set",
]
