"""Preparation of images for a network: cropping, interpolation, normalisation. Imports torch."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from zennas.data.base import ImageSet, Normalisation, Shown

if TYPE_CHECKING:
    from torchvision.transforms import v2

SHARE = 0.875
"""Side of the centre crop as a share of the resized image's short side."""


def view_of(images: ImageSet, shown: Shown) -> v2.Transform | None:
    """Return the crop that is applied to an image before it is interpolated, or None if there is none.

    The network decides what it sees, so that it sees the same in whatever set an image is.
    """
    if (shown.view or images.view) == "centre":
        return photograph_view(shown.crop)
    return None if images.view == "whole" else square_view(shown.resolution)


def square_view(resolution: int) -> v2.Transform:
    """Return a transform that cuts the largest square from the centre and interpolates it as `Normaliser` does.

    It is for networks that see whole squares, where the images are others.
    """
    from torchvision.transforms import v2  # takes seconds, and small images do not need it

    return v2.Lambda(partial(_square, resolution))


def _square(resolution: int, image: Tensor) -> Tensor:
    from torchvision.transforms import v2

    cut: Tensor = v2.functional.center_crop(image, [min(image.shape[-2:])] * 2)
    if cut.shape[-1] == resolution:
        return cut
    size = (resolution, resolution)
    x = F.interpolate(cut[None].float(), size=size, mode="bilinear", align_corners=False, antialias=False)
    return x[0].round_().to(torch.uint8)


def photograph_view(crop: int) -> v2.Transform:
    """Return a transform that resizes the short side to crop / 0.875 and cuts a square of that size from the centre."""
    from torchvision.transforms import v2  # takes seconds, and small images do not need it

    side = math.ceil(crop / SHARE)
    resized = v2.Resize(side, v2.InterpolationMode.BICUBIC, antialias=True)
    return v2.Compose([v2.Lambda(_without_ends), resized, v2.CenterCrop(side)])


def _without_ends(image: Tensor) -> Tensor:
    """The middle of a very long image; resizing all of it would take gigabytes, and only the middle is used."""
    height, width = image.shape[-2:]
    longest = 16 * min(height, width)
    if max(height, width) <= longest:
        return image
    from torchvision.transforms import v2

    cut: Tensor = v2.functional.center_crop(image, [min(height, longest), min(width, longest)])
    return cut


class Normaliser:
    """A callable from images (n, 3, S, S) in uint8 to normalised images (n, 3, R, R). R: resolution in pixels."""

    def __init__(
        self, normalisation: Normalisation, resolution: int, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        self._mean, self._std = (
            torch.tensor(values, device=device).view(3, 1, 1) for values in (normalisation.mean, normalisation.std)
        )
        self._resolution = resolution
        self._dtype = dtype

    def resized(self, images: Tensor) -> Tensor:
        """Return images (n, 3, R, R) in float32, from 0 to 1, not yet normalised."""
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
    """Return the memory format of images and weights of trainings and evaluations on `device`.

    The CPU does not use channels-last: with an odd number of images and more than one thread, the backward pass of
    torch 2.15 writes out of bounds there, and the process crashes (`tests/zennas/training/test_runner.py` has such a
    batch). Even numbers have not been seen to fail, but silently overwritten memory would go unnoticed. With one thread
    it works, but rounding differs, and a training on several processes would no longer equal one on a single process.
    """
    return torch.contiguous_format if device.type == "cpu" else torch.channels_last


def fast_memory_format(device: torch.device) -> torch.memory_format:
    """Return the fastest memory format that works on `device`: channels-last, except on a CPU with several threads.

    For what need not be equal on several processes, see `memory_format`.
    """
    threaded = device.type == "cpu" and torch.get_num_threads() > 1
    return torch.contiguous_format if threaded else torch.channels_last
