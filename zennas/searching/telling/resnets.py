"""ResNets of given FLOPs, as a yardstick: a network that everybody knows, at the price of the one that was found."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from PlainNet import Cost, Structure, cost, parse
from PlainNet.sizes import Size, area

LARGE = 96
"""From the pixels of a square of this side on, the ResNets of ImageNet are compared, otherwise those of CIFAR."""
STEPS = (4, 1)
"""Widths are multiples of the first of these with a network close enough: devices compute other widths as slowly as the
next larger multiple."""
WIDEST = 512
"""The largest width of a first stage, eight times that of ResNet-18."""
_USUAL = 16
CLOSE = 1.15
"""The largest ratio between FLOPs that count as equal."""


@dataclass(frozen=True)
class ResNet:
    """A scaled ResNet, such as ResNet-8 with 20 channels in its first stage."""

    name: str
    structure: Structure
    cost: Cost


def resnet_of(flops: float, resolution: Size, num_classes: int) -> ResNet | None:
    """Return the ResNet whose multiply–accumulates per image are closest; None if there is none within `CLOSE`.

    After He et al., CVPR 2016: for images below `LARGE` pixels those of section 4.2 with n = 1 to 3, ResNet-8 (as in
    MLPerf Tiny), -14 and -20; otherwise ResNet-18 of table 1, and ResNet-10, which has one unit in each stage.
    """
    if flops < 1:
        return None
    for step in STEPS:
        best = min(_around(flops, step, resolution, num_classes), key=lambda one: abs(math.log(one.cost.flops / flops)))
        if 1 / CLOSE <= best.cost.flops / flops <= CLOSE:
            return best
    return None


def _around(flops: float, step: int, resolution: Size, num_classes: int) -> Iterator[ResNet]:
    """The networks of each depth whose widths, multiples of `step`, are next to those with these FLOPs."""
    for units in (1, 2) if area(resolution) >= LARGE**2 else (1, 2, 3):
        width = _USUAL
        for _ in range(2):  # FLOPs grow with the square of the width, but for the first and the last layer
            flops_there = _resnet(units, width, resolution, num_classes).cost.flops
            width = min(max(1, round(width * math.sqrt(flops / flops_there))), WIDEST)
        middle = round(width / step)
        for times in range(max(1, middle - 1), min(max(1, middle + 1), WIDEST // step) + 1):
            yield _resnet(units, step * times, resolution, num_classes)


def _resnet(units: int, width: int, resolution: Size, num_classes: int) -> ResNet:
    """units: of two layers, in each stage."""
    if area(resolution) >= LARGE**2:
        blocks, stages = [f"SuperConvK7BNRELU(3,{width},2,1)", f"MaxPool({width},3,2)"], 4
    else:
        blocks, stages = [f"SuperConvK3BNRELU(3,{width},1,1)"], 3
    channels = width
    for stage in range(stages):
        for unit in range(units):
            out, stride = width * 2**stage, 2 if stage and not unit else 1
            blocks.append(f"BasicBlock({channels},{out},3,{stride})")
            channels = out
    structure = parse("".join(blocks))
    counted = cost(structure, resolution=resolution, num_classes=num_classes)
    return ResNet(f"ResNet-{2 * stages * units + 2}", structure, counted)
