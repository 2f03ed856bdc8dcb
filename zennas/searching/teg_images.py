"""The images of the objective `teg`: noise, or images of a data set. All are of its training part.

Written `IMAGES[,images=64][,networks=3][,crops=1000][,seed=N]`, where IMAGES is `noise`, the name of a data set, a
folder or an .npz archive.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

from PlainNet.sizes import Size, sides
from zennas.common.errors import WrongSettingError
from zennas.common.settings import check, setting
from zennas.searching.settings import SearchSettings

if TYPE_CHECKING:
    from ZeroShotProxy.teg.evaluator import TegImages

NOISE = "noise"
BATCHES, SIDE = 3, 3
"""Batches of crops, and the side of a crop in pixels, as in TEG-NAS."""


@dataclass(frozen=True)
class TegOptions:
    """Sizes of the indicators; the defaults are TEG-NAS's. Raises WrongSettingError if one is out of range."""

    images: int = setting(64, "Images of a kernel, and images that are held out.", least=2, most=1024)
    networks: int = setting(3, "Supernets whose indicators are averaged.", least=1, most=100)
    seed: int | None = setting(None, "Seed of weights and images.", least=0, shown="that of the search")
    crops: int = setting(1000, "Crops in each of the three batches for regions.", least=2, most=100_000)

    def __post_init__(self) -> None:
        check(self, WrongSettingError)


@dataclass(frozen=True)
class TegImaging:
    """Which images are drawn, and how many. data: `NOISE`, or a data set. classes: of noise."""

    data: str
    options: TegOptions
    resolution: Size
    classes: int
    seed: int

    def __str__(self) -> str:
        given = {one.name: getattr(self.options, one.name) for one in fields(TegOptions)}
        return ",".join((self.data, *(f"{name}={value}" for name, value in given.items() if value is not None)))


def imaging_of(settings: SearchSettings) -> TegImaging:
    """Return what the objective of a search says of images. Raises WrongSettingError if it cannot be read."""
    from zennas.data import lasting_dataset  # imports numpy

    _, _, text = settings.objective.partition(":")
    data, *given = text.split(",")
    known = {one.name for one in fields(TegOptions)}
    options: dict[str, int] = {}
    for part in given:
        name, _, number = part.partition("=")
        if name.strip() not in known:
            raise WrongSettingError(
                f"{part!r} is no option of the objective teg: expected some of {', '.join(sorted(known))}, as in "
                "teg:DATASET,images=64,networks=3,crops=1000,seed=0"
            )
        if not number.strip().isdecimal():
            raise WrongSettingError(f"{name.strip()} is {number!r}, expected a whole number, as in images=64")
        options[name.strip()] = int(number)
    chosen = NOISE if data in ("", NOISE) else lasting_dataset(data)
    seed = options.get("seed", settings.seed)
    return TegImaging(chosen, TegOptions(**options), settings.resolution, settings.num_classes, seed)


@lru_cache(maxsize=2)
def drawn(imaging: TegImaging) -> TegImages:
    """Return the images, which the seed draws. Raises DataError if there are no such images, or too few."""
    import numpy as np

    from zennas.data import DataError, open_set
    from zennas.data.sources import shower
    from ZeroShotProxy.teg.evaluator import TegImages

    rng, count = np.random.default_rng(imaging.seed), imaging.options.images
    (height, width), crops = sides(imaging.resolution), BATCHES * imaging.options.crops
    shape = (BATCHES, imaging.options.crops, 1, SIDE, SIDE)
    if imaging.data == NOISE:
        both = rng.standard_normal((2, count, 3, height, width), dtype=np.float32)
        labels = rng.integers(imaging.classes, size=(2, count))
        noise = rng.standard_normal(shape, dtype=np.float32)
        return TegImages(both[0], labels[0], both[1], labels[1], noise, imaging.classes)
    images = open_set(imaging.data, "train")
    if len(images) < 2 * count:
        raise DataError(f"{images.name} has {len(images):,} training images, expected at least {2 * count}")
    if min(height, width) < SIDE:
        raise WrongSettingError(f"resolution is {imaging.resolution}, expected at least {SIDE}, the side of a crop")
    show = shower(images, imaging.resolution)
    rows = rng.choice(len(images), 2 * count, replace=False)
    shown, labels = show(rows.tolist()), images.labels[rows]
    sources = show(rng.integers(len(images), size=crops).tolist())
    channel, top, left = (rng.integers(most, size=crops) for most in (3, height - SIDE + 1, width - SIDE + 1))
    cut = [
        sources[i, c, y : y + SIDE, x : x + SIDE] for i, (c, y, x) in enumerate(zip(channel, top, left, strict=True))
    ]
    return TegImages(
        shown[:count],
        labels[:count],
        shown[count:],
        labels[count:],
        np.stack(cut).reshape(shape),
        len(images.classes),
    )
