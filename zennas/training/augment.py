"""What is done to training images on the device, many at a time. Imports torch.

Shifting, mirroring and erasing look at numbers that were drawn for each image (`draws`), so that an image is shown the
same whoever shows it. What torchvision does to one image at a time (AutoAugment, random resized crops) is in
`feed.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms import v2

DRAWS = 8
"""Numbers from [0, 1) an image: down, right, mirror, erase, area, aspect, top, left."""
_AREA = (0.02, 0.33)
_ASPECT = (math.log(0.3), math.log(3.3))
"""Of what is erased: torchvision's."""


@dataclass(frozen=True)
class Moves:
    """shift: by at most so many pixels. flip: whether half of the images are mirrored. erase: probability."""

    shift: int = 0
    flip: bool = False
    erase: float = 0.0


def moved(x: Tensor, draws: Tensor, moves: Moves) -> Tensor:
    """Images (n, C, R, R) shifted, zeros coming in at the border, and mirrored. draws: (n, `DRAWS`)."""
    n, channels, side, _ = x.shape
    if moves.shift:
        span = torch.arange(side, device=x.device)
        offsets = (draws[:, :2] * (2 * moves.shift + 1)).long()
        rows, columns = ((offsets[:, i : i + 1] + span) for i in (0, 1))
        index = torch.arange(n, device=x.device).view(n, 1, 1, 1)
        plane = torch.arange(channels, device=x.device).view(1, channels, 1, 1)
        x = F.pad(x, (moves.shift,) * 4)[index, plane, rows.view(n, 1, side, 1), columns.view(n, 1, 1, side)]
    if moves.flip:
        x = torch.where((draws[:, 2] < 0.5).view(n, 1, 1, 1), x.flip(3), x)
    return x


def erased(x: Tensor, draws: Tensor, moves: Moves) -> Tensor:
    """Normalised images with a rectangle at zero, their mean, in some."""
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


def mixer(mixup: float, cutmix: float, num_classes: int) -> v2.Transform | None:
    """From images and labels (n,) to mixed images and targets (n, classes), random by torch's global generator."""
    made = []
    if mixup:
        made.append(v2.MixUp(alpha=mixup, num_classes=num_classes))
    if cutmix:
        made.append(v2.CutMix(alpha=cutmix, num_classes=num_classes))
    if not made:
        return None
    return v2.RandomChoice(made) if len(made) > 1 else made[0]
