"""The batches that networks are scored on: noise, CIFAR, a folder of images, or an .npz file of JPEGs.

Batches are drawn from the seed of their repetition. Where the images have another number of classes than the
networks, labels are drawn at random; `Drawn.note` says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zennas.correlation.scoring import ImageBatch
from zennas.correlation.settings import NOISE, CorrelateSettings
from zennas.data import DataError, ImageSet, normalisation_of, open_any, open_set

if TYPE_CHECKING:
    from torch import Tensor

CIFAR = ("cifar10", "cifar100")


@dataclass(frozen=True, eq=False)
class Drawn:
    """A batch for each repetition, and what they are of, for the protocol."""

    batches: tuple[ImageBatch, ...]
    note: str

    @property
    def digest(self) -> str:
        """A fingerprint: a run that is continued has to see the same images."""
        found = hashlib.sha256()
        for batch in self.batches:
            found.update(batch.images.tobytes() + batch.labels.tobytes())
        return found.hexdigest()

    def to_json(self) -> dict[str, str]:
        """What a run stores of it."""
        return {"note": self.note, "digest": self.digest}


def draw_batches(settings: CorrelateSettings) -> Drawn:
    """Raises DataError saying what was looked for."""
    classes = settings.num_classes or 1
    seeds = [settings.seed + repeat for repeat in range(settings.seeds)]
    shape = (settings.batch_size, 3, settings.resolution, settings.resolution)
    if settings.data == NOISE:
        drawn = [np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) for seed in seeds]
        batches = [
            ImageBatch(images, _random_labels(settings, seed)) for images, seed in zip(drawn, seeds, strict=True)
        ]
        return Drawn(tuple(batches), "noise from N(0, 1), labels at random")
    images = _open(settings.data)
    show = _shower(images, settings.data, settings.resolution)
    count = len(images)
    if count < settings.batch_size:
        raise DataError(f"{images.name} has {count:,} images, fewer than a batch of {settings.batch_size}")
    own = len(images.classes) == classes
    batches = []
    for seed in seeds:
        chosen = np.random.default_rng(seed).choice(count, settings.batch_size, replace=False)
        labels = images.labels[chosen] if own else _random_labels(settings, seed)
        batches.append(ImageBatch(show(chosen.tolist()), labels))
    note = f"{images.name}, labels " + (
        "its own" if own else f"at random (it has {len(images.classes)} classes, not {classes})"
    )
    return Drawn(tuple(batches), note)


def full_name(data: str) -> str:
    """What `draw_batches` understands in every folder."""
    return data if data == NOISE or data in CIFAR else str(Path(data).resolve())


def _random_labels(settings: CorrelateSettings, seed: int) -> NDArray[np.int64]:
    generator = np.random.default_rng([seed, 1])  # another stream than that of the images
    return generator.integers(settings.num_classes or 1, size=settings.batch_size, dtype=np.int64)


def _open(data: str) -> ImageSet:
    """Raises DataError."""
    if data in CIFAR:
        try:
            return open_set(data, "train")
        except DataError as error:  # its way out is another command's
            where = str(error).partition(";")[0]
            raise DataError(f"{where}; put it there, or choose other images with --data") from None
    if not Path(data).exists():
        raise DataError(
            f"there is no data {data[:200]!r}, expected {NOISE}, {', '.join(CIFAR)}, a folder of images or an .npz file"
        )
    return open_any(Path(data))


def _shower(images: ImageSet, data: str, resolution: int) -> Callable[[Sequence[int]], NDArray[np.float32]]:
    """What gives the images of such numbers as networks are shown them: normalised, (N, 3, R, R) in float32."""
    import torch

    from zennas.data.preparation import Normaliser

    shower = Normaliser(normalisation_of(images), resolution, torch.device("cpu"))
    view = _middle if Path(data).is_dir() else _squashed

    def show(chosen: Sequence[int]) -> NDArray[np.float32]:
        shown = torch.stack([view(images.read(i), resolution) for i in chosen])
        return np.asarray(shower.normalised(shown).numpy(), dtype=np.float32)

    return show


def _middle(image: Tensor, resolution: int) -> Tensor:
    """Of a photograph: (3, H, W) in uint8 to (3, R, R) in float32, from 0 to 1."""
    from torchvision.transforms.v2 import functional as F

    resized = F.resize(F.to_pil_image(image), [round(resolution / 0.875)])
    cut: Tensor = F.pil_to_tensor(F.center_crop(resized, [resolution, resolution]))
    return cut.float() / 255


def _squashed(image: Tensor, resolution: int) -> Tensor:
    """All of an image, likewise."""
    from torch.nn import functional as F

    x = image[None].float() / 255
    if x.shape[2:] != (resolution, resolution):
        x = F.interpolate(x, size=(resolution, resolution), mode="bilinear", antialias=True)
    return x[0]
