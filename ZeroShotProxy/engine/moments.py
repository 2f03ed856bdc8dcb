"""Closed forms behind the expected Zen-score: how a layer changes the statistics of its input. No torch.

Equation numbers refer to docs/expected-zen.md. A `Signal` is what is known of a value: moments of its
elements over channels, positions and images, and how far the two passes of the score (x and
x + gamma * noise) have come apart. The latter is an array: one entry for each of the decorrelations
that the network may start from, so that one walk over a block answers for all of them. Or it is one number,
for a walk over a whole network, which is then several times as fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from PlainNet.ops import AvgPool
from ZeroShotProxy.engine import dependence
from ZeroShotProxy.engine.dependence import Array, Numbers, Part, Texture

RELU_MEAN_SQUARED = 1 / (2 * math.pi)
RELU_VARIANCE = 0.5 - RELU_MEAN_SQUARED
RELU_KURTOSIS = 2.4076
"""Squared mean, variance and excess kurtosis of relu(z), z ~ N(0, 1)."""


class Signal(NamedTuple):
    """Statistics of a value.

    second: E[x²]; mean2: E[x]², averaged over channels.
    decorrelation: 1 - correlation of the two passes (kept so, because it starts at 5e-5).
    distance: E|x - x'| between the two passes.
    kurtosis: excess kurtosis of the elements.
    excess: half the logarithm of what that kurtosis adds to the variance behind the next ReLU (eq. 7).
    rectified: no element is negative, so that a further ReLU does nothing.
    shared: correlation of two positions of one image, over images; 0 for noise. Gates make it (eq. 9).
    texture: correlation of neighbouring positions, which pooling makes; None where there is none.
    parts: what the value is a sum of, where that is known; empty for a source of its own (`dependence.py`).
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
    """A centred Gaussian value."""
    distance = 2 * _root(variance * decorrelation / math.pi)
    return Signal(variance, 0.0, decorrelation, distance, kurtosis, excess, shared=shared, texture=texture)


def _root(x: Numbers) -> Numbers:
    return math.sqrt(x) if isinstance(x, float) else np.sqrt(x)


def relu(x: Signal) -> Signal:
    """Rectified Gaussian (eqs. 5 to 7); the arc-cosine kernel of degree 1 (Cho and Saul, NIPS 2009), centred."""
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
        texture=_rectified(x.texture),
    )


def _rectified(texture: Texture | None) -> Texture | None:
    """Correlations behind a ReLU: those of positions like those of passes."""
    if texture is None:
        return None

    def make() -> Array:
        deviation = np.sqrt(texture.matrix.diagonal())
        correlations = np.clip(texture.matrix / np.outer(deviation, deviation), -1, 1)
        return np.asarray(1 - _relu_decorrelation(1 - correlations))

    return Texture(make)


def _relu_decorrelation(d: Numbers) -> Numbers:
    """1 - correlation behind a ReLU of Gaussians with correlation 1 - d (eq. 5)."""
    if isinstance(d, float):
        wide = 2 * math.asin(math.sqrt(d / 2))
        return (math.pi * d - (math.sin(wide) - wide * (1 - d))) / (2 * math.pi * RELU_VARIANCE)
    angle = 2 * np.arcsin(np.sqrt(d / 2))
    half_minus_kernel = (math.pi * d - (np.sin(angle) - angle * (1 - d))) / (2 * math.pi)
    return np.asarray(half_minus_kernel / RELU_VARIANCE)


def zero(x: Signal) -> Signal:
    """Zeros in the place of `x`."""
    return Signal(0.0, 0.0, x.decorrelation, 0.0 * x.decorrelation, rectified=True)


@lru_cache(maxsize=1)
def _hermite() -> tuple[Array, Array, Array]:
    """Nodes (p, q) and weights of a two-dimensional Gauss–Hermite rule for standard normals."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(48)
    weights = weights / weights.sum()
    p, q = np.meshgrid(nodes, nodes)
    return p, q, np.outer(weights, weights)


class _Table(NamedTuple):
    """A function of N(mean, sd²) by quadrature: its moments, and for decorrelations by their logarithms the
    logarithms of decorrelation behind it over decorrelation, and of E|y - y'| over its square root."""

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
    """`function` of a Gaussian value, by quadrature; for the non-linearities without a closed form.

    Quadratures are remembered by function, mean and deviation; the latter to a thousandth of themselves.
    """
    sd = float(f"{math.sqrt(x.variance):.3g}")
    table = _table(function, float(f"{math.sqrt(x.mean2):.3g}"), sd)
    logs = np.log(np.clip(x.decorrelation, math.exp(-30.0), 2.0))
    moved = np.exp(np.interp(logs, table.logs, table.moved) + logs)
    apart = np.exp(np.interp(logs, table.logs, table.apart) + logs / 2)
    # A smooth function hardly changes the correlation of positions.
    return Signal(table.second, table.first**2, moved, apart, shared=x.shared, texture=x.texture)


def rectifier(u: Array) -> Array:
    return np.maximum(u, 0.0)


def swish(u: Array) -> Array:
    return np.asarray(u / (1 + np.exp(-u)))


def sigmoid(u: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-u)))


def weighted_sum(x: Signal, fan_in: int, kernel_area: int, window: Window, stride: int = 1, between: int = 1) -> Signal:
    """Convolution with standard normal weights (eqs. 2 and 4); `fan_in` counts channels.

    between: the channels in the middle, where each weight is a sum over them of products of two (eq. 11).
    """
    centred = window.inside * x.second - window.means * x.mean2
    lost = window.inside * x.variance / centred
    kurtosis = 3 * x.kurtosis / (fan_in * kernel_area)
    # Each tap sees the same correlations of neighbours, and weights are independent.
    texture = None if x.texture is None else dependence.strided(x.texture, stride)
    return gaussian(fan_in * between * centred, lost * x.decorrelation, kurtosis, x.excess, lost * x.shared, texture)


def normalise(x: Signal, eps: float) -> Signal:
    """Batch normalisation to variance v / (v + eps)."""
    variance = x.variance / (x.variance + eps) if eps else 1.0
    distance = x.distance * math.sqrt(variance / x.variance)
    return Signal(variance, 0.0, x.decorrelation, distance, x.kurtosis, shared=x.shared, texture=x.texture)


def add(x: Signal, y: Signal, size: int) -> Signal:
    """Sum of values of `size` × `size` positions, independent or not (eq. 10)."""
    if not x.second or not y.second:
        return x if x.second else y
    return _of_parts(dependence.merged(parts_of(x, size) + parts_of(y, size)), x.rectified and y.rectified)


def pool(x: Signal, how: AvgPool, size: int) -> Signal:
    """Average pooling of a value of `size` × `size` positions (eq. 10)."""
    return _of_parts(dependence.pooled(parts_of(x, size), how), x.rectified)


def parts_of(x: Signal, size: int) -> tuple[Part, ...]:
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
    """Product with an independent gate, one for all positions (eq. 9)."""
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
    """Mean over `area` positions, which have `x.shared` in common (eq. 8)."""
    kept = (1 + (area - 1) * x.shared) / area
    moved = gaussian(x.variance * kept, x.decorrelation, shared=x.shared / kept)
    return moved._replace(second=moved.second + x.mean2, mean2=x.mean2, rectified=x.rectified)


def maximum(x: Signal, area: int) -> Signal:
    """Maximum over `area` positions, taken as independent; the decorrelation is left as it is (an approximation)."""
    from scipy.special import ndtri  # scipy takes long to import and max pooling is rare

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
    """Concatenation along channels: what a convolution sees is the average over them."""
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
    """What zero padding leaves of a convolution window of k × k taps (eq. 3).

    inside: sum over taps of the mean over positions of q, the profile of the input where the tap is inside.
    means: sum over taps of the squared mean over positions of sqrt(q), likewise.
    Without padding both are k².
    """

    inside: float
    means: float


@cache
def window(kernel: int, stride: int, size: int, context: int, dilation: int = 1) -> Window:
    """The window of a convolution on `size` × `size`, after many convolutions of kernel `context`."""
    taps, means = _taps(_profile(context, size), kernel, stride, dilation)
    return Window(sum(float(t.mean()) for t in taps), sum(m * m for m in means))


_SETTLED = 8


@cache
def _profile(kernel: int, size: int) -> Array:
    """Second moment of pre-activations by position, mean 1, after `_SETTLED` convolutions with padding (eq. 3)."""
    profile = np.ones((size, size))
    if kernel == 1 or size == 1:
        return profile
    for _ in range(_SETTLED):
        taps, means = _taps(profile, kernel, 1)
        roots, _ = _taps(np.sqrt(profile), kernel, 1)
        second = sum(taps[1:], start=taps[0]) / 2  # one at a time: all taps at once take k² as much memory
        crossed = sum(m * r for m, r in zip(means, roots, strict=True)) * RELU_MEAN_SQUARED
        moment = second - 2 * crossed + RELU_MEAN_SQUARED * sum(m * m for m in means)
        profile = moment / moment.mean()
    return profile


def _taps(profile: Array, kernel: int, stride: int, dilation: int = 1) -> tuple[list[Array], list[float]]:
    """For each tap of the kernel: the profile that it sees at each output position (0 in the padding),
    and the mean of that profile's square root."""
    pad, out = dilation * (kernel - 1) // 2, (profile.shape[0] - 1) // stride + 1
    padded = np.pad(profile, pad)
    last = stride * (out - 1) + 1
    offsets = [dilation * i for i in range(kernel)]
    views = [padded[y : y + last : stride, x : x + last : stride] for y in offsets for x in offsets]
    return views, [float(np.sqrt(view).mean()) for view in views]
