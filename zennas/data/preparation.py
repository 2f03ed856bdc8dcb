"""From stored images to what a network is shown: cut, interpolated, normalised. Imports torch."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import v2

from zennas.data.base import ImageSet, Normalisation, Shown

SHARE = 0.875
"""Of the resized image that a crop is thought to keep."""


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
    and more than one thread, and the process dies (`tests/zennas/training/test_runner.py` has such a batch). Even
    numbers were not seen to fail, but memory that is silently overwritten would not show; safety costs 10 to 60 % of
    the time of a step of 64 images on one thread.
    """
    return torch.contiguous_format if device.type == "cpu" else torch.channels_last
