"""Top-1 and top-5 accuracy of a network, or of anything else that answers with logits. Imports torch.

The protocol is Zen-NAS's: photographs are resized so that the short side is crop / 0.875 (bicubic), a square of that
size is cut from the centre, and it is interpolated to the network's resolution (bilinear); images of a set that are
all of one small size are only interpolated.

The module can be called: `zennas.evaluate("runs/mine")` is `zennas.api.evaluate`.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import v2

from zennas.data import DataError, ImageSet, Normalisation
from zennas.data.loading import Loader, in_batches

SHARE = 0.875
"""Of the resized image that a crop is thought to keep."""

Answers = Callable[[Tensor], Tensor]
"""From normalised images (n, 3, R, R) to logits (n, classes): a module in evaluation mode, say."""


@dataclass(frozen=True)
class Accuracy:
    """In per cent of `images`. skipped: what is wrong with the images that were left out."""

    top1: float
    top5: float
    images: int
    seconds: float
    images_per_second: float
    skipped: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Told(Protocol):
    """Who wants to know how far an evaluation is, and top-1 so far in per cent."""

    def __call__(self, done: int, total: int, top1: float) -> None: ...


@dataclass(frozen=True)
class Shown:
    """How images are shown to a network.

    resolution: of the network. crop: of the protocol, in pixels, for photographs.
    """

    normalisation: Normalisation
    resolution: int
    crop: int


class Evaluation:
    """Measures networks on one set of images, again and again; workers stay.

    rank, world: which share of the images is looked at here. dtype: of the images shown.
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

    @torch.no_grad()
    def count(self, answers: Answers, told: Told | None = None) -> tuple[Tensor, tuple[str, ...]]:
        """Images right at first, right among five, and seen, as a tensor (3,) in float64; and what was skipped."""
        counts = torch.zeros(3, dtype=torch.float64)
        skipped: list[str] = []
        for batch in self._loader(self._plan):
            skipped += batch.skipped
            if len(batch.labels) == 0:
                continue
            logits = answers(self._show(batch.images).contiguous(memory_format=self._layout)).float()
            best = logits.topk(min(5, logits.shape[1]), dim=1).indices == batch.labels[:, None]
            found = [int(best[:, 0].sum()), int(best.any(dim=1).sum()), len(batch.labels)]
            counts += torch.tensor(found, dtype=torch.float64)
            if told is not None:
                told(int(counts[2]) + len(skipped), self._total, 100 * float(counts[0] / counts[2]))
        return counts, tuple(skipped)

    def __call__(self, answers: Answers, told: Told | None = None) -> Accuracy:
        """Raises DataError where no image could be read, or one is corrupt and must not be skipped."""
        began = time.monotonic()
        counts, skipped = self.count(answers, told)
        return as_accuracy(counts, skipped, time.monotonic() - began)


def as_accuracy(counts: Tensor, skipped: tuple[str, ...], seconds: float) -> Accuracy:
    right, among, seen = (int(x) for x in counts)
    if not seen:
        raise DataError(f"no image could be read: {skipped[0] if skipped else 'there are none'}")
    return Accuracy(100 * right / seen, 100 * among / seen, seen, seconds, seen / max(seconds, 1e-9), skipped)


def view_of(images: ImageSet, shown: Shown) -> v2.Transform | None:
    """How one of the images is cut before it is interpolated; None for not at all."""
    return photograph_view(shown.crop) if images.usual.crop == "resized" else None


def photograph_view(crop: int) -> v2.Transform:
    """The short side crop / 0.875 long, and the square in the middle."""
    side = math.ceil(crop / SHARE)
    resized = v2.Resize(side, v2.InterpolationMode.BICUBIC, antialias=True)
    return v2.Compose([v2.Lambda(_without_ends), resized, v2.CenterCrop(side)])


def _without_ends(image: Tensor) -> Tensor:
    """A strip of pixels resized as a whole would be gigabytes; its middle is all that is looked at."""
    height, width = image.shape[-2:]
    longest = 16 * min(height, width)
    if max(height, width) <= longest:
        return image
    cut: Tensor = v2.functional.center_crop(image, [min(height, longest), min(width, longest)])
    return cut


class Normaliser:
    """From images (n, 3, S, S) in uint8 to (n, 3, R, R), normalised."""

    def __init__(
        self, normalisation: Normalisation, resolution: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        self._mean, self._std = (
            torch.tensor(values, device=device).view(3, 1, 1) for values in (normalisation.mean, normalisation.std)
        )
        self._resolution = resolution
        self._dtype = dtype

    def resized(self, images: Tensor) -> Tensor:
        """In float32, from 0 to 1."""
        x = images.float().div_(255)
        if x.shape[-1] != self._resolution:
            size = (self._resolution, self._resolution)
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=False)
        return x

    def normalised(self, x: Tensor) -> Tensor:
        return x.sub(self._mean).div_(self._std).to(self._dtype)

    def __call__(self, images: Tensor) -> Tensor:
        return self.normalised(self.resized(images))


def memory_format(device: torch.device) -> torch.memory_format:
    """How images and weights lie in memory on `device`.

    On the CPU not channels-last: there torch 2.15's backward pass writes out of bounds with an odd number of images
    and more than one thread, and the process dies (`tests/zennas/train/test_runner.py` has such a batch). Even numbers
    were not seen to fail, but memory that is silently overwritten would not show; safety costs 10 to 60 % of the time
    of a step of 64 images on one thread.
    """
    return torch.contiguous_format if device.type == "cpu" else torch.channels_last


class _Callable(ModuleType):
    def __call__(self, model: Any, **settings: Any) -> Any:
        from zennas.api import evaluate

        return evaluate(model, **settings)


sys.modules[__name__].__class__ = _Callable
