"""Random networks whose kernels cover those of designs: what `zennas latency profile` measures. No torch.

About a third of them consist of Zen-NAS's residual super-blocks, with or without squeeze and excitation, and a fifth of
inverted depthwise blocks. A quarter are as deep and wide as designs for large images: their weights do not stay in the
caches from one run to the next, and a kernel whose weights come from memory takes up to twice as long. The rest consist
of the plain blocks of older networks and of NAS-Bench-201's cells, for large kernels, pooling, and separate sums and
activations.

Compilers for small chips get smaller networks, at sizes of image that need not be square, with max pooling in place of
strides, single units, or grey images in some.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from PlainNet import Structure, parse
from PlainNet.cost import cost
from PlainNet.edit import for_channels
from PlainNet.ir import StructureError
from PlainNet.sizes import Sides, Size, sides

RESOLUTIONS = (32, 64, 96, 128, 160, 192, 224)
CLASSES = (10, 100, 1000)
LARGE = (160, 192, 224, 224)
"""Resolutions of deep networks."""
FLOPS = (2e6, 5e9)
"""The smallest and the largest network, in multiply–accumulates per image."""
PARAMS = 150e6
"""The most parameters of a network; in float32 these are 600 MB."""
SMALL_FLOPS = (2e5, 4e8)
"""Likewise, for small chips."""
_SMALL_CLASSES = (2, 10, 10, 100)


class Sampled(NamedTuple):
    """A network to measure."""

    structure: Structure
    resolution: Size
    num_classes: int
    use_se: bool


def sampled(seed: int, index: int, small: bool = False) -> Sampled:
    """Return network `index` of the sample with that seed; the result is always the same.

    small: whether it is for a small chip.
    """
    rng = Random(f"{seed}-{index}-small" if small else f"{seed}-{index}")
    least, most = SMALL_FLOPS if small else FLOPS
    family = None if small else rng.choices((_residual, _depthwise, _deep, _plain, _cells), (33, 20, 25, 14, 8))[0]
    while True:
        one = _small(rng) if family is None else _large(rng, family)
        try:
            found = cost(one.structure, resolution=one.resolution, num_classes=one.num_classes, use_se=one.use_se)
        except StructureError:
            continue  # a window that does not fit: draw another network
        if least <= found.flops <= most and found.params <= PARAMS:
            return one


def _large(rng: Random, family: Callable[[Random, int], str]) -> Sampled:
    resolution = rng.choice(LARGE if family is _deep else RESOLUTIONS)
    return Sampled(parse(family(rng, resolution)), resolution, rng.choice(CLASSES), rng.random() < 0.25)


def _small(rng: Random) -> Sampled:
    family = rng.choices((_residual, _depthwise, _pooled, _units, _plain, _cells), (30, 25, 15, 18, 7, 5))[0]
    size: Size = 8 * rng.randint(4, 20)
    if rng.random() < 0.4:
        height, width = (rng.randint(28, 160) for _ in range(2))
        size = Sides(height, width) if height != width else height
    structure = parse(family(rng, min(sides(size))))
    classes, use_se = rng.choice(_SMALL_CLASSES), rng.random() < 0.25
    return Sampled(for_channels(structure, 1) if rng.random() < 0.15 else structure, size, classes, use_se)


def _channels(rng: Random, low: int, high: int) -> int:
    """A multiple of 8, with equal probability for each octave."""
    return max(8, round(math.exp(rng.uniform(math.log(low), math.log(high))) / 8) * 8)


def _strides(rng: Random, resolution: int, blocks: int) -> list[int]:
    """Draw that many strides of 1 or 2, such that an image of at least 4 pixels remains."""
    most = max(0, int(math.log2(resolution / 4)))
    halvings = min(blocks, rng.randint(max(1, most - 2), most))
    places = set(rng.sample(range(blocks), halvings))
    return [2 if i in places else 1 for i in range(blocks)]


def _super_blocks(rng: Random, resolution: int, kinds: tuple[str, ...], stem_kernels: tuple[int, ...]) -> str:
    count = rng.randint(3, 6)
    strides = _strides(rng, resolution, count + 1)
    channels = _channels(rng, 8, 96)
    text = f"SuperConvK{rng.choice(stem_kernels)}BNRELU(3,{channels},{strides[0]},1)"
    for stride in strides[1:]:
        out = _channels(rng, max(8, channels // 2), min(1024, channels * 4))
        bottleneck = _channels(rng, 8, min(512, 2 * out))
        text += f"{rng.choice(kinds)}({channels},{out},{stride},{bottleneck},{rng.choice((1, 1, 2))})"
        channels = out
    return text + f"SuperConvK1BNRELU({channels},{_channels(rng, 64, 2560)},1,1)"


def _residual(rng: Random, resolution: int) -> str:
    kinds = tuple(f"SuperRes{form.format(k)}" for form in ("K{0}K{0}", "K1K{0}K1") for k in (3, 5, 7))
    return _super_blocks(rng, resolution, kinds, (3, 3, 5, 7))


def _depthwise(rng: Random, resolution: int) -> str:
    kinds = tuple(f"SuperResIDWE{e}K{k}" for e in (1, 2, 4, 6) for k in (3, 5, 7))
    return _super_blocks(rng, resolution, kinds, (3,))


def _pooled(rng: Random, resolution: int) -> str:
    """Residual super-blocks of stride 1, with max pooling between them."""
    channels = _channels(rng, 8, 64)
    text = f"SuperConvK3BNRELU(3,{channels},1,1)"
    for stride in _strides(rng, resolution, rng.randint(3, 6)):
        out = _channels(rng, max(8, channels // 2), min(512, channels * 4))
        if stride == 2:
            text += f"MaxPool({channels},2,2)"
        kind = rng.choice(("SuperResK3K3", "SuperResK1K3K1"))
        text += f"{kind}({channels},{out},1,{_channels(rng, 8, min(256, 2 * out))},{rng.choice((1, 1, 2))})"
        channels = out
    return text + f"SuperConvK1BNRELU({channels},{_channels(rng, 32, 512)},1,1)"


def _units(rng: Random, resolution: int) -> str:
    """Single inverted residuals and basic blocks."""
    count = rng.randint(3, 9)
    strides = _strides(rng, resolution, count + 1)
    channels = _channels(rng, 8, 48)
    text = f"SuperConvK3BNRELU(3,{channels},{strides[0]},1)"
    for stride in strides[1:]:
        out = channels if rng.random() < 0.4 else _channels(rng, max(8, channels // 2), min(384, channels * 3))
        kernel = rng.choice((3, 3, 5))
        if rng.random() < 0.7:
            text += f"MBConv({channels},{out},{kernel},{rng.randint(1, 6)},{stride})"
        else:
            text += f"BasicBlock({channels},{out},{kernel},{stride})"
        channels = out
    return text + f"SuperConvK1BNRELU({channels},{_channels(rng, 32, 1280)},1,1)"


def _deep(rng: Random, resolution: int) -> str:
    """Stages that halve the image, each of several layers, which become wider as designs do."""
    inverted = rng.random() < 0.4
    channels = _channels(rng, 8, 64)
    text = f"SuperConvK3BNRELU(3,{channels},{rng.choice((1, 2))},1)"
    for stride in (rng.choice((1, 2)), 2, 2, 2, *[rng.choice((1, 2))] * rng.randint(0, 2)):
        out = _channels(rng, min(2048, 3 * channels // 2), min(2048, 4 * channels))
        bottleneck = _channels(rng, max(8, out // 4), min(1024, out))
        form = rng.choice(("K{0}K{0}", "K1K{0}K1", "K1K{0}K1")).format(rng.choice((3, 3, 5, 7)))
        kind = f"IDWE{rng.choice((1, 2, 4, 6))}K{rng.choice((3, 5, 7))}" if inverted else form
        text += f"SuperRes{kind}({channels},{out},{stride},{bottleneck},{rng.randint(1, 5)})"
        channels = out
    return text + f"SuperConvK1BNRELU({channels},{_channels(rng, 256, 2560)},1,1)"


def _plain(rng: Random, resolution: int) -> str:
    """Convolutions with batch-norm and ReLU, some pooling, some depthwise layers, and one residual stage."""
    channels = _channels(rng, 16, 96)
    text = f"ConvKX(3,{channels},{rng.choice((3, 5, 7))},2)BN({channels})RELU({channels})"
    if resolution >= 64:
        text += f"{rng.choice(('MaxPool', 'AvgPool'))}({channels},{rng.choice((2, 3))},2)"
    for _ in range(rng.randint(2, 5)):
        out = _channels(rng, max(8, channels // 2), min(1024, channels * 3))
        match rng.randrange(4):
            case 0:
                stride = rng.choice((1, 2))
                text += f"ConvDW({channels},{rng.choice((3, 5, 7))},{stride})BN({channels})RELU({channels})"
                text += f"ConvKX({channels},{out},1,1)BN({out})"
            case 1:
                text += f"ConvKX({channels},{out},{rng.choice((1, 3, 5))},{rng.choice((1, 2))})BN({out})RELU({out})"
            case 2:
                text += f"MaxPool({channels},3,1)ConvKX({channels},{out},3,1)BN({out})RELU({out})"
            case _:
                text += (
                    f"ResBlockProj({channels},2,ConvKX({channels},{out},3,2)BN({out})RELU({out})"
                    f"ConvKX({out},{out},3,1)BN({out}))RELU({out})"
                )
        channels = out
    return text


def _cells(rng: Random, resolution: int) -> str:
    """Cells and reductions of NAS-Bench-201 with random operations."""
    channels = _channels(rng, 16, 64)
    text = f"ConvKX(3,{channels},3,{2 if resolution > 64 else 1})BN({channels})"
    for _ in range(rng.randint(2, 3)):
        for _ in range(rng.randint(1, 2)):
            text += f"NB201Cell({channels},{','.join(str(rng.randint(1, 4)) for _ in range(6))})"
        text += f"NB201Reduction({channels},{2 * channels})"
        channels *= 2
    return f"{text}BN({channels})RELU({channels})"
