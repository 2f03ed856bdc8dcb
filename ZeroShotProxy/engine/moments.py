"""Closed forms for the expected Zen-score: how a layer changes the statistics of its input, without torch.

Equation numbers refer to docs/expected-zen.md. A `Signal` has the statistics of a value: the moments of its elements
over channels, positions and images, and the difference between the two passes of the score (x and x + gamma * noise).
The difference is either an array, with one entry for each decorrelation that may enter a block, so that one evaluation
of the block covers all of them. Or it is a number, for a single evaluation of a network, which is several times faster.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from PlainNet.ops import AvgPool
from PlainNet.sizes import Size, sides
from ZeroShotProxy.engine import dependence
from ZeroShotProxy.engine.clipped import Clipped
from ZeroShotProxy.engine.dependence import Array, Numbers, Part, Texture

RELU_MEAN_SQUARED = 1 / (2 * math.pi)
RELU_VARIANCE = 0.5 - RELU_MEAN_SQUARED
RELU_KURTOSIS = 2.4076
"""Squared mean, variance and excess kurtosis of relu(z), z ~ N(0, 1)."""


class Signal(NamedTuple):
    """The statistics of a value.

    second: E[x²]. mean2: E[x]², averaged over channels.
    decorrelation: 1 - correlation of the two passes. It starts at 5e-5, so the correlation itself would be inaccurate.
    distance: E|x - x'| between the two passes.
    kurtosis: excess kurtosis of the elements.
    excess: half the logarithm of the factor by which this kurtosis increases the variance after the next ReLU (eq. 7).
    rectified: whether no element is negative, so that a ReLU has no effect.
    shared: correlation of two positions of an image, over images. It is 0 for noise; gates introduce it (eq. 9).
    texture: correlations of neighbouring positions, which pooling introduces, or None if there are none.
    parts: the parts that the value is a sum of (`dependence.py`), or empty for an independent source.
    """

    second: float
    mean2: float
    decorrelation: Numbers
    distance: Numbers
    kurtosis: float = 0.0
    excess: float = 0.0
    rectified: bool = False
    shared: float = 0.0
    texture: Texture | None = None
    parts: tuple[Part, ...] = ()

    @property
    def variance(self) -> float:
        return self.second - self.mean2


def gaussian(
    variance: float,
    decorrelation: Numbers,
    kurtosis: float = 0.0,
    excess: float = 0.0,
    shared: float = 0.0,
    texture: Texture | None = None,
) -> Signal:
    """Return the statistics of a centred Gaussian value."""
    distance = 2 * _root(variance * decorrelation / math.pi)
    return Signal(variance, 0.0, decorrelation, distance, kurtosis, excess, shared=shared, texture=texture)


def _root(x: Numbers) -> Numbers:
    return math.sqrt(x) if isinstance(x, float) else np.sqrt(x)


def relu(x: Signal) -> Signal:
    """Return the statistics after a ReLU of a Gaussian value (eqs. 5 to 7).

    Source: the arc-cosine kernel of degree 1 (Cho and Saul, NIPS 2009), centred.
    """
    if x.rectified:
        return x
    if x.mean2 > 0:
        return pointwise(x, rectifier)._replace(rectified=True)
    d = x.decorrelation
    d = min(max(d, 0.0), 2.0) if isinstance(d, float) else np.minimum(np.maximum(d, 0.0), 2.0)
    return Signal(
        second=x.second / 2,
        mean2=x.second * RELU_MEAN_SQUARED,
        decorrelation=_relu_decorrelation(d),
        distance=x.distance / 2,  # |relu(u) - relu(v)| + |relu(-u) - relu(-v)| = |u - v|
        kurtosis=RELU_KURTOSIS,
        excess=x.excess + 0.5 * math.log1p(x.kurtosis * RELU_MEAN_SQUARED / (12 * RELU_VARIANCE)),
        rectified=True,
        shared=1 - float(_relu_decorrelation(1 - x.shared)) if x.shared else 0.0,
        texture=_mapped(x.texture, _relu_decorrelation),
    )


LIMIT = 6.0
"""The upper limit of ReLU6."""
_UNLIMITED = LIMIT / 5
"""The largest deviation of a centred value whose ReLU6 counts as a ReLU: 6 is 5 deviations away."""


def relu6(x: Signal) -> Signal:
    """Return the statistics after min(max(x, 0), 6) of a Gaussian value (eqs. 12 and 13).

    Batch normalisation makes the deviation 1, and then the upper limit has no effect.
    """
    if x.rectified:
        return _limited(x)
    if x.mean2 == 0 and x.second <= _UNLIMITED**2:
        return relu(x)
    return _clipped(x, Clipped(math.sqrt(x.mean2), math.sqrt(x.variance), 0.0, LIMIT))


def _clipped(x: Signal, how: Clipped) -> Signal:
    return Signal(
        second=how.second,
        mean2=how.first**2,
        decorrelation=how.decorrelation(x.decorrelation),
        distance=how.distance(x.decorrelation),
        rectified=True,
        shared=1 - float(how.decorrelation(1 - x.shared)) if x.shared else 0.0,
        texture=_mapped(x.texture, how.decorrelation),
    )


def _limited(x: Signal) -> Signal:
    """Return the statistics after min(x, 6) of a rectified Gaussian value, whose second moment is half the Gaussian's.

    Approximation: the decorrelation does not change, as with `maximum`.
    """
    deviation = math.sqrt(2 * x.second)
    if deviation <= _UNLIMITED:
        return x
    how = Clipped(0.0, deviation, 0.0, LIMIT)
    distance = x.distance * math.sqrt(how.variance / x.variance)
    return x._replace(second=how.second, mean2=how.first**2, distance=distance, kurtosis=0.0, excess=0.0, parts=())


def _mapped(texture: Texture | None, decorrelation: Callable[[Array], Numbers]) -> Texture | None:
    """The correlations of positions after a function, which changes them like those of passes."""
    if texture is None:
        return None

    def make(axis: int) -> Array:
        deviation = np.sqrt(texture.matrix(axis).diagonal())
        correlations = np.clip(texture.matrix(axis) / np.outer(deviation, deviation), -1, 1)
        return np.asarray(1 - decorrelation(1 - correlations))

    return Texture(texture.square, make)


def _relu_decorrelation(d: Numbers) -> Numbers:
    """1 - correlation after a ReLU, for Gaussians with correlation 1 - d (eq. 5)."""
    if isinstance(d, float):
        wide = 2 * math.asin(math.sqrt(d / 2))
        return (math.pi * d - (math.sin(wide) - wide * (1 - d))) / (2 * math.pi * RELU_VARIANCE)
    angle = 2 * np.arcsin(np.sqrt(d / 2))
    half_minus_kernel = (math.pi * d - (np.sin(angle) - angle * (1 - d))) / (2 * math.pi)
    return np.asarray(half_minus_kernel / RELU_VARIANCE)


def zero(x: Signal) -> Signal:
    """Return the statistics of zeros in the shape of `x`."""
    return Signal(0.0, 0.0, x.decorrelation, 0.0 * x.decorrelation, rectified=True)


@lru_cache(maxsize=1)
def _hermite() -> tuple[Array, Array, Array]:
    """Nodes (p, q) and weights of a two-dimensional Gauss–Hermite rule for standard normal variables."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(48)
    weights = weights / weights.sum()
    p, q = np.meshgrid(nodes, nodes)
    return p, q, np.outer(weights, weights)


class _Table(NamedTuple):
    """The effect of a function on N(mean, sd²), by quadrature.

    first, second: the moments of the output. logs: a grid of logarithms of the decorrelation d of the input. moved: the
    logarithm of the decorrelation of the output divided by d. apart: the logarithm of E|y - y'| divided by √d.
    """

    first: float
    second: float
    logs: Array
    moved: Array
    apart: Array


_POSITIONS = 64


@lru_cache(maxsize=4096)
def _table(function: Callable[[Array], Array], mean: float, sd: float) -> _Table:
    p, q, weights = _hermite()
    y = function(mean + sd * p)
    first, second = float((weights * y).sum()), float((weights * y * y).sum())
    logs = np.linspace(-30.0, math.log(2.0), _POSITIONS)
    moved, apart = np.empty(_POSITIONS), np.empty(_POSITIONS)
    for i, d in enumerate(np.exp(logs)):
        common, own = sd * math.sqrt(max(0.0, 1 - d / 2)) * p, sd * math.sqrt(d / 2) * q
        difference = function(mean + common + own) - function(mean + common - own)
        moved[i] = (weights * difference**2).sum() / 2
        apart[i] = (weights * np.abs(difference)).sum()
    return _Table(first, second, logs, np.log(moved / (second - first**2)) - logs, np.log(apart) - logs / 2)


def pointwise(x: Signal, function: Callable[[Array], Array]) -> Signal:
    """Return the statistics after a function without a closed form, for a Gaussian value, by quadrature.

    Results are cached by function, mean and deviation, both rounded to three digits.
    """
    sd = float(f"{math.sqrt(x.variance):.3g}")
    table = _table(function, float(f"{math.sqrt(x.mean2):.3g}"), sd)
    logs = np.log(np.clip(x.decorrelation, math.exp(-30.0), 2.0))
    moved = np.exp(np.interp(logs, table.logs, table.moved) + logs)
    apart = np.exp(np.interp(logs, table.logs, table.apart) + logs / 2)
    # A smooth function hardly changes the correlations of positions.
    return Signal(table.second, table.first**2, moved, apart, shared=x.shared, texture=x.texture)


def rectifier(u: Array) -> Array:
    return np.maximum(u, 0.0)


def swish(u: Array) -> Array:
    return np.asarray(u / (1 + np.exp(-u)))


def sigmoid(u: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-u)))


def weighted_sum(x: Signal, fan_in: int, kernel_area: int, window: Window, stride: int = 1, between: int = 1) -> Signal:
    """Return the statistics after a convolution with standard normal weights (eqs. 2 and 4).

    fan_in: the input channels of each output channel. kernel_area: the number of taps.
    between: the channels between two convolutions that are treated as one (eq. 11).
    """
    centred = window.inside * x.second - window.means * x.mean2
    lost = window.inside * x.variance / centred
    kurtosis = 3 * x.kurtosis / (fan_in * kernel_area)
    # Each tap has the same correlations of neighbours, and the weights are independent.
    texture = None if x.texture is None else dependence.strided(x.texture, stride)
    return gaussian(fan_in * between * centred, lost * x.decorrelation, kurtosis, x.excess, lost * x.shared, texture)


def normalise(x: Signal, eps: float) -> Signal:
    """Return the statistics after batch normalisation, which makes the variance v / (v + eps)."""
    variance = x.variance / (x.variance + eps) if eps else 1.0
    distance = x.distance * math.sqrt(variance / x.variance)
    return Signal(variance, 0.0, x.decorrelation, distance, x.kurtosis, shared=x.shared, texture=x.texture)


def add(x: Signal, y: Signal, size: Size) -> Signal:
    """Return the statistics of a sum of two values with maps of this size, which may be dependent (eq. 10)."""
    if not x.second or not y.second:
        return x if x.second else y
    return _of_parts(dependence.merged(parts_of(x, size) + parts_of(y, size)), x.rectified and y.rectified)


def pool(x: Signal, how: AvgPool, size: Size) -> Signal:
    """Return the statistics after average pooling of a value with a map of this size (eq. 10)."""
    return _of_parts(dependence.pooled(parts_of(x, size), how), x.rectified)


def parts_of(x: Signal, size: Size) -> tuple[Part, ...]:
    """Return the parts of a value with a map of this size; an independent source is its only part."""
    return x.parts or (Part(x, size, (), 1.0),)


def _of_parts(parts: tuple[Part, ...], rectified: bool) -> Signal:
    found = dependence.total(parts)
    mean2 = found.mean**2
    return Signal(
        second=found.variance + mean2,
        mean2=mean2,
        decorrelation=found.moved / found.variance,
        distance=2 * _root(found.moved / math.pi),
        rectified=rectified,
        shared=found.shared,
        texture=dependence.texture(parts),
        parts=parts,
    )


def multiply(x: Signal, gate: Signal) -> Signal:
    """Return the statistics of a product with an independent gate, which is the same for all positions (eq. 9)."""
    if not x.second or not gate.second:
        return zero(x)
    second, mean2 = x.second * gate.second, x.mean2 * gate.mean2
    moved_x, moved_gate = x.variance * x.decorrelation, gate.variance * gate.decorrelation
    moved = x.second * moved_gate + gate.second * moved_x - moved_x * moved_gate
    distance = x.distance * math.sqrt(gate.second)
    shared = ((x.variance * x.shared + x.mean2) * gate.second - mean2) / (second - mean2)
    lost = moved / (second - mean2)
    return x._replace(second=second, mean2=mean2, decorrelation=lost, distance=distance, shared=shared, parts=())


def average(x: Signal, area: float) -> Signal:
    """Return the statistics of a mean over `area` positions, whose correlation is `x.shared` (eq. 8)."""
    kept = (1 + (area - 1) * x.shared) / area
    moved = gaussian(x.variance * kept, x.decorrelation, shared=x.shared / kept)
    return moved._replace(second=moved.second + x.mean2, mean2=x.mean2, rectified=x.rectified)


def maximum(x: Signal, area: int) -> Signal:
    """Return the statistics of a maximum over `area` positions.

    Approximation: positions are treated as independent, and the decorrelation does not change.
    """
    from scipy.special import ndtri  # scipy is slow to import, and max pooling is rare

    quantiles = ndtri(((np.arange(2048) + 0.5) / 2048) ** (1 / area))
    if x.rectified:
        values = np.maximum(math.sqrt(2 * x.second) * quantiles, 0.0)
    else:
        values = math.sqrt(x.mean2) + math.sqrt(x.variance) * quantiles
    second, first = float((values**2).mean()), float(values.mean())
    scale = math.sqrt((second - first**2) / x.variance)
    distance = x.distance * scale
    return x._replace(
        second=second, mean2=first**2, distance=distance, kurtosis=0.0, excess=0.0, texture=None, parts=()
    )


def mixture(signals: Sequence[Signal], channels: Sequence[int]) -> Signal:
    """Return the statistics of a concatenation along channels, which are averages over the channels."""
    share = np.array(channels) / sum(channels)

    def mean(values: Sequence[float]) -> float:
        return float(np.dot(share, values))

    second, mean2 = mean([s.second for s in signals]), mean([s.mean2 for s in signals])
    if not second:
        return signals[0]
    moved = sum(w * s.variance * s.decorrelation for w, s in zip(share, signals, strict=True))
    return Signal(
        second,
        mean2,
        np.asarray(moved) / (second - mean2),
        np.asarray(sum(w * s.distance for w, s in zip(share, signals, strict=True))),
        mean([s.kurtosis for s in signals]),
        rectified=all(s.rectified for s in signals),
        shared=float(sum(w * s.variance * s.shared for w, s in zip(share, signals, strict=True))) / (second - mean2),
        texture=dependence.mixed(
            [s.texture for s in signals], [w * s.variance for w, s in zip(share, signals, strict=True)]
        ),
    )


class Window(NamedTuple):
    """The effect of zero padding on a convolution with k × k taps (eq. 3). Without padding, both numbers are k².

    inside: sum over taps of the mean over positions of q, the profile of the input, which is 0 in the padding.
    means: sum over taps of the squared mean over positions of sqrt(q).
    """

    inside: float
    means: float


@cache
def window(kernel: int, stride: int, size: Size, context: int, dilation: int = 1) -> Window:
    """Return the window of a convolution on a map of this size, after many convolutions of kernel `context`."""
    taps, means = _taps(_profile(context, size), kernel, stride, dilation)
    return Window(sum(float(t.mean()) for t in taps), sum(m * m for m in means))


_STEPS = 8


@cache
def _profile(kernel: int, size: Size) -> Array:
    """The second moment of pre-activations by position, with mean 1, after `_STEPS` padded convolutions (eq. 3)."""
    profile = np.ones(sides(size))
    if kernel == 1 or size == 1:
        return profile
    for _ in range(_STEPS):
        taps, means = _taps(profile, kernel, 1)
        roots, _ = _taps(np.sqrt(profile), kernel, 1)
        second = sum(taps[1:], start=taps[0]) / 2  # one by one: all taps at once need k² times the memory
        crossed = sum(m * r for m, r in zip(means, roots, strict=True)) * RELU_MEAN_SQUARED
        moment = second - 2 * crossed + RELU_MEAN_SQUARED * sum(m * m for m in means)
        profile = moment / moment.mean()
    return profile


def _taps(profile: Array, kernel: int, stride: int, dilation: int = 1) -> tuple[list[Array], list[float]]:
    """For each tap: the profile at its input for every output position (0 in the padding), and the mean square root."""
    pad = dilation * (kernel - 1) // 2
    padded = np.pad(profile, pad)
    bottom, right = (stride * ((side - 1) // stride) + 1 for side in profile.shape)
    offsets = [dilation * i for i in range(kernel)]
    views = [padded[y : y + bottom : stride, x : x + right : stride] for y in offsets for x in offsets]
    return views, [float(np.sqrt(view).mean()) for view in views]
