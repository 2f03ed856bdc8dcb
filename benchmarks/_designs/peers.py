"""Networks that people drew, scaled to the budgets: ResNets, and networks of inverted residuals like MobileNetV2."""

from __future__ import annotations

from benchmarks._designs.budgets import Case
from benchmarks._designs.look import Look, look, within
from PlainNet import Structure, parse
from zennas.searching.telling.resnets import LARGE, resnet_of

_MOBILENET = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Table 2 of Sandler et al., CVPR 2018: expansion, channels, units, stride of the first unit."""
_STEM, _LAST = 32, 1280
_STEP = 0.05
"""Between the width multipliers that are tried."""
_GROWTH = 1.02
"""Between the multiply–accumulates of the ResNets that are tried."""


def mobilenet_v2(multiplier: float, image: int, narrow: bool = False) -> Structure:
    """MobileNetV2 with all widths times `multiplier`, multiples of 8; the last layer is never narrower than 1,280,
    unless it may be `narrow`.

    For images below 96 pixels, the stem and the second stage have no stride, as usual for CIFAR.
    """
    small = image < LARGE
    channels = _scaled(_STEM, multiplier)
    text = f"SuperConvK3BNRELU(3,{channels},{1 if small else 2},1)"
    for expansion, width, units, first in _MOBILENET:
        out = _scaled(width, multiplier)
        for unit in range(units):
            stride = first if unit == 0 and not (small and width == 24) else 1
            text += f"MBConv({channels},{out},3,{expansion},{stride})"
            channels = out
    last = _scaled(_LAST, multiplier)
    return parse(text + f"SuperConvK1BNRELU({channels},{last if narrow else max(_LAST, last)},1,1)")


def _scaled(width: int, multiplier: float) -> int:
    return max(8, round(width * multiplier / 8) * 8)


def peers(case: Case) -> tuple[Look, Look]:
    """Return the largest ResNet and the largest MobileNetV2-like network within all limits of a budget."""
    return _resnet(case), _mobilenet(case)


def _resnet(case: Case) -> Look:
    best: Look | None = None
    flops, misses = 20e6, 0
    while misses < 30:  # widths are steps, so a larger target can give a smaller network
        found = resnet_of(flops, case.resolution, case.num_classes)
        if found is not None and (best is None or found.cost.flops > best.anatomy.cost.flops):
            one = look(found.name, found.structure, case)
            fits = within(one, case)
            best, misses = (one, 0) if fits else (best, misses + 1)
        flops *= _GROWTH
    assert best is not None
    return best


def _mobilenet(case: Case) -> Look:
    multiplier, best = _STEP, None
    while True:
        one = look(f"MobileNetV2 × {multiplier:.2f}", mobilenet_v2(multiplier, case.resolution), case)
        if not within(one, case):
            assert best is not None
            return best
        best, multiplier = one, multiplier + _STEP
