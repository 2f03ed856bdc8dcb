"""`ImageNet16-120`: 120 classes of ImageNet at 16 by 16 pixels, used by NAS-Bench-201. Facts only, no images."""

from __future__ import annotations

from zennas.data.base import Usual
from zennas.data.registry import DataSet, register

register(
    DataSet(
        "ImageNet16-120",
        120,
        16,
        Usual(normalisation=None, crop="shift", flip=True, policy="imagenet"),
        how_to_get="make an .npz archive of its images, and give its path",
    )
)
