"""The batches that networks are scored on: noise, CIFAR, a folder of images, or an .npz file of JPEGs.

Batches are drawn from the seed of their repetition. Where the images have another number of classes than the
networks, labels are drawn at random; `Drawn.note` says so.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zennas.correlate.scoring import ImageBatch
from zennas.correlate.settings import NOISE, CorrelateSettings

if TYPE_CHECKING:
    from torch import Tensor

CIFAR = ("cifar10", "cifar100")
ARRAYS = ("jpeg", "offsets", "labels")
STATISTICS_IMAGES = 2000
"""From how many images of an .npz file mean and deviation are taken."""


class DataError(RuntimeError):
    """A source of images that is not there or cannot be read."""


@dataclass(frozen=True, eq=False)
class Images:
    """A source of labelled images. read: those of the given numbers, normalised, (N, 3, R, R) in float32."""

    name: str
    labels: NDArray[np.int64]
    classes: int
    read: Callable[[Sequence[int]], NDArray[np.float32]]


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
    images = _open(settings.data, settings.resolution)
    count = len(images.labels)
    if count < settings.batch_size:
        raise DataError(f"{images.name} has {count:,} images, fewer than a batch of {settings.batch_size}")
    own = images.classes == classes
    batches = []
    for seed in seeds:
        chosen = np.random.default_rng(seed).choice(count, settings.batch_size, replace=False)
        labels = images.labels[chosen] if own else _random_labels(settings, seed)
        batches.append(ImageBatch(images.read(chosen.tolist()), labels))
    note = f"{images.name}, labels " + (
        "its own" if own else f"at random (it has {images.classes} classes, not {classes})"
    )
    return Drawn(tuple(batches), note)


def full_name(data: str) -> str:
    """What `draw_batches` understands in every folder."""
    return data if data == NOISE or data in CIFAR else str(Path(data).resolve())


def _random_labels(settings: CorrelateSettings, seed: int) -> NDArray[np.int64]:
    generator = np.random.default_rng([seed, 1])  # another stream than that of the images
    return generator.integers(settings.num_classes or 1, size=settings.batch_size, dtype=np.int64)


def _open(data: str, resolution: int) -> Images:
    if data in CIFAR:
        return _cifar(data, resolution)
    path = Path(data)
    if path.is_dir():
        return _folder(path, resolution)
    if path.is_file():
        return _npz(path, resolution)
    raise DataError(
        f"there is no data {data[:200]!r}, expected {NOISE}, {', '.join(CIFAR)}, a folder of images or an .npz file"
    )


def _cifar(name: str, resolution: int) -> Images:
    from zennas.train.data import TensorBatches, load_data
    from zennas.train.recipe import Recipe, TrainingError

    try:
        found = load_data(name, Recipe(), resolution).train
    except TrainingError as error:
        raise DataError(f"{str(error).partition(';')[0]}; put it there, or choose other images with --data") from None
    assert isinstance(found, TensorBatches)

    def read(chosen: Sequence[int]) -> NDArray[np.float32]:
        return _array((found.images[list(chosen)].float() / 255 - found.mean) / found.std)

    labels = found.labels.numpy()
    return Images(f"{name}, training images", labels, int(labels.max()) + 1, read)


def _folder(folder: Path, resolution: int) -> Images:
    """Images in a folder for each class, or in its folder `train`; normalised like ImageNet's, as in training."""
    import torch
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    place = folder / "train" if (folder / "train").is_dir() else folder
    steps = [v2.Resize(round(resolution / 0.875)), v2.CenterCrop(resolution), v2.ToImage()]
    scaled = [v2.ToDtype(torch.float32, scale=True), v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    try:
        found = ImageFolder(str(place), v2.Compose([*steps, *scaled]))
    except FileNotFoundError as error:
        raise DataError(f"{place} is no data set: {' '.join(str(error).split())}") from None

    def read(chosen: Sequence[int]) -> NDArray[np.float32]:
        try:
            return _array(torch.stack([found[i][0] for i in chosen]))
        except OSError as error:  # PIL's too
            raise DataError(f"an image in {place} cannot be read: {error}") from None

    return Images(str(place), np.asarray(found.targets, dtype=np.int64), len(found.classes), read)


def _npz(path: Path, resolution: int) -> Images:
    """JPEG files joined in `jpeg`, uint8, from `offsets`[i] to `offsets`[i + 1], and `labels`."""
    jpeg, offsets, labels = _arrays(path)
    count = len(labels)
    in_order = (
        len(offsets) == count + 1 and (np.diff(offsets) > 0).all() and offsets[0] >= 0 and offsets[-1] <= len(jpeg)
    )
    if not count or not in_order:
        raise DataError(f"{path} is damaged: expected one offset more than labels, in order and inside jpeg")
    if labels.min() < 0:
        raise DataError(f"{path} has label {labels.min()}, expected numbers from 0")

    def decoded(chosen: Sequence[int]) -> Tensor:
        parts = [_decoded(path, i, jpeg[offsets[i] : offsets[i + 1]].tobytes()) for i in chosen]
        return _resized(parts, resolution)

    some = np.random.default_rng(0).choice(count, min(count, STATISTICS_IMAGES), replace=False)
    sample = decoded(some.tolist())
    mean, deviation = sample.mean((0, 2, 3), keepdim=True), sample.std((0, 2, 3), keepdim=True)

    def read(chosen: Sequence[int]) -> NDArray[np.float32]:
        return _array((decoded(chosen) - mean) / deviation)

    return Images(path.name, labels, int(labels.max()) + 1, read)


def _arrays(path: Path) -> list[NDArray[Any]]:
    """`ARRAYS` of the file: bytes, and whole numbers in int64. Raises DataError."""
    try:
        stored = np.load(path)  # no pickles: numpy refuses them unless told otherwise
        if not isinstance(stored, np.lib.npyio.NpzFile):
            raise DataError(f"{path} holds one array, expected an .npz file with {', '.join(ARRAYS)}")
        with stored:
            missing = [name for name in ARRAYS if name not in stored]
            if missing:
                raise DataError(f"{path} has no {' and no '.join(missing)}, expected arrays {', '.join(ARRAYS)}")
            found = [stored[name] for name in ARRAYS]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} cannot be read as an .npz file: {error}") from None
    for name, array, kinds in zip(ARRAYS, found, ("u", "iu", "iu"), strict=True):
        if array.ndim != 1 or array.dtype.kind not in kinds or (name == "jpeg" and array.dtype != np.uint8):
            wanted = "bytes (uint8)" if name == "jpeg" else "whole numbers"
            raise DataError(f"{name} of {path} is {array.dtype} of shape {array.shape}, expected {wanted} in a row")
    return [found[0], *(array.astype(np.int64) for array in found[1:])]


def _decoded(path: Path, number: int, content: bytes) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError):
        raise DataError(f"image {number} of {path} cannot be decoded: {content[:8]!r}… is no JPEG") from None


def _resized(images: Sequence[NDArray[np.uint8]], resolution: int) -> Tensor:
    """(N, 3, R, R) in float32, from 0 to 1."""
    import torch
    from torch.nn import functional as F

    found = []
    for image in images:
        x = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
        if x.shape[2:] != (resolution, resolution):
            x = F.interpolate(x, size=(resolution, resolution), mode="bilinear", antialias=True)
        found.append(x)
    return torch.cat(found)


def _array(images: Tensor) -> NDArray[np.float32]:
    found: Any = images.contiguous().numpy()
    return np.asarray(found, dtype=np.float32)
