"""Data sets as batches of normalised images. Imports torch.

`digits` comes with scikit-learn and needs no download; `cifar10` and `cifar100` are read, or downloaded,
through torchvision; anything else is a folder with `train/CLASS/*` and `val/CLASS/*` images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from zennas.train.recipe import Recipe, TrainingError

BUILT_IN = ("digits", "cifar10", "cifar100")
CIFAR_FOLDERS = {"cifar10": "~/data/pytorch_cifar10", "cifar100": "~/data/pytorch_cifar100"}
DIGITS_TEST_SHARE = 0.2


class Batches(Protocol):
    """Batches of images (N, 3, R, R) in float32, and labels (N,) in int64; a new order with every iteration."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...


@dataclass(frozen=True)
class Data:
    """A data set at one resolution."""

    name: str
    num_classes: int
    train: Batches
    test: Batches
    train_images: int
    test_images: int


@dataclass
class TensorBatches:
    """Batches from images in memory, of shape (N, 3, R, R) in uint8.

    With `shift`, for training: shuffled, each image moved by up to that many pixels and, with `flip`,
    mirrored half of the time; the last incomplete batch is left out. All of it from `generator`.
    """

    images: Tensor
    labels: Tensor
    mean: Tensor
    std: Tensor
    batch_size: int
    generator: torch.Generator | None = None
    shift: int = 0
    flip: bool = False

    def __len__(self) -> int:
        count = len(self.images)
        return max(1, count // self.batch_size) if self.generator else -(-count // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        count = len(self.images)
        order = torch.randperm(count, generator=self.generator) if self.generator else torch.arange(count)
        for i in range(len(self)):
            chosen = order[i * self.batch_size : (i + 1) * self.batch_size]
            x = self.images[chosen].float().div_(255)
            if self.generator is not None:
                x = _moved(x, self.shift, self.flip, self.generator)
            yield x.sub_(self.mean).div_(self.std), self.labels[chosen]


def _moved(x: Tensor, shift: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Each image of (N, C, R, R) moved by its own offset, zeros coming in at the border, and perhaps mirrored."""
    n, channels, side, _ = x.shape
    if shift:
        padded = F.pad(x, (shift,) * 4)
        span = torch.arange(side)
        rows = torch.randint(0, 2 * shift + 1, (n, 1), generator=generator) + span
        columns = torch.randint(0, 2 * shift + 1, (n, 1), generator=generator) + span
        index = torch.arange(n).view(n, 1, 1, 1)
        plane = torch.arange(channels).view(1, channels, 1, 1)
        x = padded[index, plane, rows.view(n, 1, side, 1), columns.view(n, 1, 1, side)]
    if flip:
        mirrored = torch.rand(n, generator=generator) < 0.5
        x = torch.where(mirrored.view(n, 1, 1, 1), x.flip(3), x)
    return x


def load_data(name: str, recipe: Recipe, resolution: int, folder: Path | None = None, workers: int = 0) -> Data:
    """The data set called `name`, or in the folder `name`, at `resolution` × `resolution` pixels.

    folder: where CIFAR is, or is to be downloaded to. Raises TrainingError saying what was looked for.
    """
    if name == "digits":
        return _digits(recipe, resolution)
    if name in CIFAR_FOLDERS:
        return _cifar(name, recipe, resolution, folder or Path(CIFAR_FOLDERS[name]).expanduser())
    return _image_folder(Path(name), recipe, resolution, workers)


def _digits(recipe: Recipe, resolution: int) -> Data:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(pixels).view(-1, 1, 8, 8).float().mul_(255 / 16)
    images = F.interpolate(images, size=(resolution, resolution), mode="bilinear", align_corners=False)
    images = images.round_().to(torch.uint8).expand(-1, 3, -1, -1)
    targets = torch.from_numpy(labels)
    # One split for good: 1437 images to train, 360 to test, classes in proportion.
    train, test = train_test_split(range(len(targets)), test_size=DIGITS_TEST_SHARE, random_state=0, stratify=labels)
    # A shift of two of the 32 pixels is half a pixel of the originals; mirrored digits are other signs.
    return _in_memory("digits", 10, images, targets, train, test, recipe, shift=resolution // 16, flip=False)


def _cifar(name: str, recipe: Recipe, resolution: int, folder: Path) -> Data:
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    existed = folder.exists()
    try:
        parts = [kind(folder, train=train, download=True) for train in (True, False)]
    except (OSError, RuntimeError) as error:
        if not existed and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
        raise TrainingError(
            f"{name} is not in {folder} and could not be downloaded ({error}); "
            f"put the archive's folder {kind.base_folder} there, or say where it is with --data"
        ) from None
    images = torch.cat([torch.from_numpy(part.data) for part in parts]).permute(0, 3, 1, 2).contiguous()
    if resolution != images.shape[-1]:
        size = (resolution, resolution)
        resized = [F.interpolate(c.float(), size=size, mode="bilinear", antialias=True) for c in images.split(1000)]
        images = torch.cat([c.round_().clamp_(0, 255).to(torch.uint8) for c in resized])
    labels = torch.tensor([label for part in parts for label in part.targets])
    count = len(parts[0].data)
    classes = len(parts[0].classes)
    split = (range(count), range(count, len(labels)))
    return _in_memory(name, classes, images, labels, *split, recipe, shift=resolution // 8, flip=True)


def _in_memory(
    name: str,
    classes: int,
    images: Tensor,
    labels: Tensor,
    train: range | list[int],
    test: range | list[int],
    recipe: Recipe,
    shift: int,
    flip: bool,
) -> Data:
    train_index, test_index = torch.tensor(list(train)), torch.tensor(list(test))
    sample = images[train_index].float().div_(255)
    mean, std = sample.mean((0, 2, 3)).view(3, 1, 1), sample.std((0, 2, 3)).view(3, 1, 1)
    generator = torch.Generator().manual_seed(recipe.seed)
    moved = (shift, flip) if recipe.augment else (0, False)
    return Data(
        name,
        classes,
        TensorBatches(images[train_index], labels[train_index], mean, std, recipe.batch_size, generator, *moved),
        TensorBatches(images[test_index], labels[test_index], mean, std, 4 * recipe.batch_size),
        len(train_index),
        len(test_index),
    )


def _image_folder(folder: Path, recipe: Recipe, resolution: int, workers: int) -> Data:
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    missing = [str(folder / part) for part in ("train", "val") if not (folder / part).is_dir()]
    if missing:
        known = ", ".join(BUILT_IN)
        raise TrainingError(
            f"{folder} is no data set: {' and '.join(missing)} not there; expected a folder with both, or {known}"
        )
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    tail = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
    crop = [v2.RandomResizedCrop(resolution), v2.RandomHorizontalFlip()]
    centre = [v2.Resize(round(resolution / 0.875)), v2.CenterCrop(resolution)]
    try:
        train = ImageFolder(str(folder / "train"), v2.Compose([*(crop if recipe.augment else centre), *tail]))
        test = ImageFolder(str(folder / "val"), v2.Compose([*centre, *tail]))
    except FileNotFoundError as error:
        raise TrainingError(f"{folder} is no data set: {error}") from None
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))
        raise TrainingError(f"train and val in {folder} have different classes: {', '.join(odd[:3])}")
    generator = torch.Generator().manual_seed(recipe.seed)
    return Data(
        str(folder),
        len(train.classes),
        DataLoader(
            train,
            recipe.batch_size,
            shuffle=True,
            num_workers=workers,
            drop_last=len(train) > recipe.batch_size,
            generator=generator,
        ),
        DataLoader(test, 4 * recipe.batch_size, num_workers=workers),
        len(train),
        len(test),
    )
