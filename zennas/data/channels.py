"""Images with another number of channels: colours as grey, and grey as colours. torch is imported when one is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zennas.common.numbers import counted
from zennas.data.base import DataError, ImageSet

if TYPE_CHECKING:
    from torch import Tensor

GREY, COLOUR = 1, 3
_LUMA = (19595, 38470, 7471)
"""Shares of red, green and blue in grey, times 65536 (ITU-R BT.601), as PIL rounds them."""


def of_channels(images: ImageSet, channels: int | None) -> ImageSet:
    """Return the images with this number of channels; None for their own. Mean and deviation are then measured anew.

    Raises DataError unless they have that many, or are red, green and blue to be shown as grey, or grey to be shown as
    red, green and blue.
    """
    if channels in (None, images.channels):
        return images
    if {channels, images.channels} != {GREY, COLOUR}:
        other = {GREY: f", or {COLOUR}", COLOUR: f", or {GREY} for grey"}.get(images.channels, "")
        raise DataError(
            f"the images of {images.name} have {counted(images.channels, 'channel')} and cannot be shown with "
            f"{channels}: expected {images.channels}{other}"
        )
    assert channels is not None
    return replace(
        images,
        read=_Converted(images.read, channels),
        usual=replace(images.usual, normalisation=None),
        pixels=None if images.pixels is None else converted(images.pixels, channels),
        channels=channels,
    )


def converted(x: Tensor, channels: int) -> Tensor:
    """Return images (…, C, H, W) in uint8 as grey (channels 1) or as red, green and blue (3), also in uint8."""
    if channels == COLOUR:
        return x.expand(*x.shape[:-3], COLOUR, *x.shape[-2:]).contiguous()
    import torch

    red, green, blue = (share * x[..., i : i + 1, :, :].int() for i, share in enumerate(_LUMA))
    return (red + green + blue + 0x8000 >> 16).to(torch.uint8)


@dataclass(frozen=True)
class _Converted:
    """Reads images of another number of channels; workers get a copy."""

    read: Callable[[int], Tensor]
    channels: int

    def __call__(self, index: int) -> Tensor:
        return converted(self.read(index), self.channels)
