"""Top-1 and top-5 accuracy of a network, or of any function that returns logits. Imports torch.

The protocol is Zen-NAS's. Photographs are resized so that the short side is crop / 0.875 (bicubic), a square of that
size is cut from the centre, and it is interpolated to the network's resolution (bilinear). Networks trained on
small squares of one size see whole images (or their central squares), only interpolated. A network whose input is not
square sees parts of the shape of its input instead of squares.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from zennas.common.progress import AccuracyProgress
from zennas.data import DataError, ImageSet, Shown
from zennas.data.loading import Loader, in_batches
from zennas.data.preparation import Normaliser, memory_format, view_of

Answers = Callable[[Tensor], Tensor]
"""A function from normalised images (n, C, H, W) to logits (n, classes), such as a module in evaluation mode."""


@dataclass(frozen=True)
class Accuracy:
    """Top-1 and top-5 accuracy in percent of `images`. skipped: messages about corrupt images that were left out."""

    top1: float
    top5: float
    images: int
    seconds: float
    images_per_second: float
    skipped: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Evaluator:
    """Measures the accuracy of networks on one set of images; its workers persist between calls.

    rank, world: this process evaluates every `world`-th image, starting at number `rank`. dtype: type of the images
    that the network gets.
    """

    def __init__(
        self,
        images: ImageSet,
        shown: Shown,
        device: torch.device,
        *,
        batch_size: int = 256,
        workers: int = 0,
        skip_corrupt: bool = False,
        dtype: torch.dtype = torch.float32,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._loader = Loader(images, view_of(images, shown), device, workers=workers, skip_corrupt=skip_corrupt)
        self._show = Normaliser(shown.normalisation, shown.resolution, device, dtype)
        self._layout = memory_format(device)
        rows = list(range(len(images)))[rank::world]
        self._plan = in_batches(rows, batch_size)
        self._total = len(rows)

    @property
    def images(self) -> int:
        """How many images this process evaluates."""
        return self._total

    @torch.no_grad()
    def count(self, answers: Answers, progress: AccuracyProgress | None = None) -> tuple[Tensor, tuple[str, ...]]:
        """Return counts and messages about skipped images.

        The counts are images correct by top-1, images correct by top-5, and all images, as a tensor (3,) in float64.

        Raises DataError if an image is corrupt and must not be skipped.
        """
        counts = torch.zeros(3, dtype=torch.float64)
        skipped: list[str] = []
        for logits, labels in self._answered(answers, skipped):
            best = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
            found = [int(best[:, 0].sum()), int(best.any(dim=1).sum()), len(labels)]
            counts += torch.tensor(found, dtype=torch.float64)
            if progress is not None:
                progress(int(counts[2]) + len(skipped), self._total, 100 * float(counts[0] / counts[2]))
        return counts, tuple(skipped)

    @torch.no_grad()
    def confusion(self, answers: Answers, classes: int) -> Tensor:
        """Return how many images of each class get which class, as a tensor (classes, classes) in float64; rows are
        the true classes. Corrupt images are left out.

        Raises DataError if an image is corrupt and must not be skipped.
        """
        counts = torch.zeros(classes * classes, dtype=torch.float64)
        for logits, labels in self._answered(answers, []):
            pairs = labels.cpu() * classes + logits.argmax(dim=1).cpu()
            counts += torch.bincount(pairs, minlength=classes * classes)
        return counts.view(classes, classes)

    def _answered(self, answers: Answers, skipped: list[str]) -> Iterator[tuple[Tensor, Tensor]]:
        """The logits and labels of each batch; messages about skipped images are added to `skipped`."""
        for batch in self._loader(self._plan):
            skipped += batch.skipped
            if len(batch.labels):
                yield answers(self._show(batch.images).contiguous(memory_format=self._layout)).float(), batch.labels

    def __call__(self, answers: Answers, progress: AccuracyProgress | None = None) -> Accuracy:
        """Return the accuracy. Raises DataError if no image can be read, or one is corrupt and must not be skipped."""
        began = time.monotonic()
        counts, skipped = self.count(answers, progress)
        return as_accuracy(counts, skipped, time.monotonic() - began)


def as_accuracy(counts: Tensor, skipped: tuple[str, ...], seconds: float) -> Accuracy:
    right, among, seen = (int(x) for x in counts)
    if not seen:
        raise DataError(f"no image could be read: {skipped[0] if skipped else 'the set is empty'}")
    return Accuracy(100 * right / seen, 100 * among / seen, seen, seconds, seen / max(seconds, 1e-9), skipped)
