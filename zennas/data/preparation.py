"""Preparation of images for a network: cropping, interpolation, normalisation. Imports torch."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from PlainNet.sizes import Sides, Size, each_side, sides
from zennas.data.base import ImageSet, Normalisation, Shown

if TYPE_CHECKING:
    from torchvision.transforms import v2

SHARE = 0.875
"""Height and width of the centre crop as a share of what is cut from the resized image."""


def view_of(images: ImageSet, shown: Shown) -> v2.Transform | None:
    """Return the crop that is applied to an image before it is interpolated, or None if there is none.

    The network decides what it sees, so that it sees the same in whatever set an image is.
    """
    if (shown.view or images.view) == "centre":
        return photograph_view(shown.crop)
    return None if images.view == "whole" else largest_view(shown.resolution)


def largest_view(resolution: Size) -> v2.Transform:
    """Return a transform that cuts the largest part of this shape from the centre, and interpolates it to this size as
    `Normaliser` does.

    It is for networks that see whole images, where the images have other shapes.
    """
    from torchvision.transforms import v2  # takes seconds, and small images do not need it

    return v2.Lambda(partial(_largest, sides(resolution)))


def _largest(size: tuple[int, int], image: Tensor) -> Tensor:
    from torchvision.transforms import v2

    (height, width), (high, wide) = image.shape[-2:], size
    part = min(height, width * high // wide), min(width, height * wide // high)
    cut: Tensor = v2.functional.center_crop(image, [max(1, side) for side in part])
    if tuple(cut.shape[-2:]) == size:
        return cut
    x = F.interpolate(cut[None].float(), size=size, mode="bilinear", align_corners=False, antialias=False)
    return x[0].round_().to(torch.uint8)


def resized_before_crop(crop: Size) -> Size:
    """Return the size that is cut from the centre of a photograph: crop / 0.875, rounded up."""
    return each_side(lambda side: math.ceil(side / SHARE), crop)


def photograph_view(crop: Size) -> v2.Transform:
    """Return a transform that cuts the centre of crop / 0.875 from an image that is resized to just cover it.

    For a square, the short side of the image is resized to that of the square.
    """
    from torchvision.transforms import v2  # takes seconds, and small images do not need it

    size = resized_before_crop(crop)
    resized = (
        v2.Lambda(partial(_covering, size))
        if isinstance(size, Sides)
        else v2.Resize(size, v2.InterpolationMode.BICUBIC, antialias=True)
    )
    return v2.Compose([v2.Lambda(_without_ends), resized, v2.CenterCrop(sides(size))])


def _covering(size: Sides, image: Tensor) -> Tensor:
    """The image, resized so that it just covers a rectangle."""
    from torchvision.transforms import v2

    height, width = image.shape[-2:]
    scale = max(size.height / height, size.width / width)
    wanted = [max(size.height, round(scale * height)), max(size.width, round(scale * width))]
    found: Tensor = v2.functional.resize(image, wanted, v2.InterpolationMode.BICUBIC, antialias=True)
    return found


def random_crop(resolution: Size) -> v2.Transform:
    """Return torchvision's random resized crop, with shapes around that of the network's input."""
    from torchvision.transforms import v2

    height, width = sides(resolution)
    ratio = tuple(width / height * bound for bound in (3 / 4, 4 / 3))
    return v2.RandomResizedCrop(
        (height, width), ratio=ratio, interpolation=v2.InterpolationMode.BICUBIC, antialias=True
    )


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
    """A callable from images (n, C, h, w) in uint8 to normalised images (n, C, H, W) of the resolution."""

    def __init__(
        self, normalisation: Normalisation, resolution: Size, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        self._mean, self._std = (
            torch.tensor(values, device=device).view(-1, 1, 1) for values in (normalisation.mean, normalisation.std)
        )
        self._size = sides(resolution)
        self._dtype = dtype

    def keeps(self, images: Tensor) -> bool:
        """Whether images (n, C, h, w) already have the size of the resolution."""
        return tuple(images.shape[-2:]) == self._size

    def resized(self, images: Tensor) -> Tensor:
        """Return images (n, C, H, W) in float32, from 0 to 1, not yet normalised."""
        x = images.float().div_(255)
        if not self.keeps(x):
            x = F.interpolate(x, size=self._size, mode="bilinear", align_corners=False, antialias=False)
        return x

    def normalised(self, x: Tensor) -> Tensor:
        return x.sub(self._mean).div_(self._std).to(self._dtype)

    def __call__(self, images: Tensor) -> Tensor:
        return self.normalised(self.resized(images))


def memory_format(device: torch.device) -> torch.memory_format:
    """Return the memory format of images and weights of trainings in float32, and of evaluations, on `device`.

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
