"""Augmentation of batches of training images on the device. Imports torch.

Shifting, mirroring and erasing use random numbers drawn for each image (`draws`), so the result does not depend on the
process or the batch. Augmentations that torchvision applies to one image at a time (AutoAugment, random resized crops)
are in `feed.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from PlainNet.sizes import Size, sides

if TYPE_CHECKING:
    from torchvision.transforms import v2

DRAWS = 8
"""Number of random values in [0, 1) per image: down, right, mirror, erase, area, aspect, top, left."""
_AREA = (0.02, 0.33)
_ASPECT = (math.log(0.3), math.log(3.3))
"""Ranges of the erased area and of the logarithm of its aspect ratio, as in torchvision."""


@dataclass(frozen=True)
class Moves:
    """Augmentations of a batch.

    shift: largest shift in pixels, down and to the right. flip: whether half of the images are mirrored. erase:
    probability, from 0 to 1, that a rectangle of an image is erased.
    """

    shift: Size = 0
    flip: bool = False
    erase: float = 0.0


def moved(x: Tensor, draws: Tensor, moves: Moves) -> Tensor:
    """Return images (n, C, H, W) shifted, with zeros at the border, and mirrored. draws: (n, `DRAWS`)."""
    n, channels, height, width = x.shape
    mirrored = draws[:, 2:3] < 0.5
    if moves.shift:
        down, along = sides(moves.shift)
        rows, columns = (
            (draw[:, None] * (2 * most + 1)).long() + torch.arange(side, device=x.device)
            for draw, most, side in zip(draws[:, :2].unbind(1), (down, along), (height, width), strict=True)
        )
        if moves.flip:
            columns = torch.where(mirrored, columns.flip(1), columns)
        # Whole rows are copied first, which is three times as fast as choosing each pixel.
        around = F.pad(x, (along, along, down, down)).transpose(1, 2)
        rows = rows + (height + 2 * down) * torch.arange(n, device=x.device)[:, None]
        chosen = around.reshape(-1, channels * (width + 2 * along)).index_select(0, rows.view(-1))
        kept = columns.view(n, 1, 1, width).expand(n, height, channels, width)
        return chosen.view(n, height, channels, width + 2 * along).gather(3, kept).transpose(1, 2)
    return torch.where(mirrored.view(n, 1, 1, 1), x.flip(3), x) if moves.flip else x


def erased(x: Tensor, draws: Tensor, moves: Moves) -> Tensor:
    """Return normalised images (n, C, H, W), some with a rectangle set to zero, the mean. draws: (n, `DRAWS`)."""
    if not moves.erase:
        return x
    n, _, height, width = x.shape
    area = height * width * (_AREA[0] + (_AREA[1] - _AREA[0]) * draws[:, 4])
    aspect = torch.exp(_ASPECT[0] + (_ASPECT[1] - _ASPECT[0]) * draws[:, 5])
    high = (area * aspect).sqrt().round().clamp(1, height)
    wide = (area / aspect).sqrt().round().clamp(1, width)
    top, left = draws[:, 6] * (height - high + 1), draws[:, 7] * (width - wide + 1)
    inside = [
        (torch.arange(size, device=x.device) >= first.floor()[:, None])
        & (torch.arange(size, device=x.device) < (first.floor() + extent)[:, None])
        for size, first, extent in ((height, top, high), (width, left, wide))
    ]
    chosen = (draws[:, 3] < moves.erase).view(n, 1, 1, 1)
    return x.masked_fill(chosen & inside[0].view(n, 1, height, 1) & inside[1].view(n, 1, 1, width), 0.0)


def cut_out(x: Tensor, draws: Tensor, side: int) -> Tensor:
    """Return normalised images (n, C, H, W), each with a square set to zero, the mean.

    draws: random values in [0, 1) for the row and the column of its middle, (n, 2). side: of the square, in pixels; its
    part outside of the image is left out. Source: DeVries and Taylor, Improved Regularization with Cutout, 2017.
    """
    n, _, height, width = x.shape
    inside = []
    for draw, size in zip(draws.unbind(1), (height, width), strict=True):
        first = ((draw * size).long() - side // 2)[:, None]
        span = torch.arange(size, device=x.device)
        inside.append((span >= first) & (span < first + side))
    return x.masked_fill(inside[0].view(n, 1, height, 1) & inside[1].view(n, 1, 1, width), 0.0)


def mixer(mixup: float, cutmix: float, num_classes: int) -> v2.Transform | None:
    """Return a transform from images and labels (n,) to mixed images and targets (n, classes), or None if both are 0.

    mixup, cutmix: their parameters alpha. The transform draws from torch's global generator.
    """
    if not mixup and not cutmix:
        return None
    from torchvision.transforms import v2  # takes seconds

    made: list[v2.Transform] = []
    if mixup:
        made.append(v2.MixUp(alpha=mixup, num_classes=num_classes))
    if cutmix:
        made.append(v2.CutMix(alpha=cutmix, num_classes=num_classes))
    return v2.RandomChoice(made) if len(made) > 1 else made[0]
