"""How the score combines what it knows of a network (docs/mean-field.md, equations 22 to 24a).

This is the only place that knows the form of the score. Of its layers, it needs four sums, which blocks contribute to:

    roots    Σ r,  r being the cube root of γ, the angle by which a first step turns a layer's weights
    amounts  Σ r (½ log FLOPs + d log positions − 3/2 log r),  d being the weight of positions,
             less Σ r/2 log (o⁴ / depth), o being the overlap of a layer's output
    squares  Σ g²,  g being the norm of a layer's gradient
    flops    Σ multiply–accumulates

If all gradients grow, r grows by a factor, roots become roots · factor, amounts (amounts + roots · shift) · factor, and
squares squares · factor⁶.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    from PlainNet.arrays.structures import Floats

Number = TypeVar("Number", float, "Floats")
"""Of one block or structure, or of many."""
Group: TypeAlias = tuple[int, int, float, float, float, float]
"""Layers with the same widths: fan-in and output as indices of widths, then the four sums for widths of 1.

Squared norms are proportional to the fan-in, and FLOPs to both widths.
"""

_SIXTH = 1 / 6
"""r is the cube root of γ, whose square is known."""
_UNIT = 25
"""A training of so many steps bears Σ g² = 1 (equation 24)."""
_BALANCED = 8_000
"""For a training of so many steps, positions have the weight 1 (equation 24a)."""
_PATIENCE = 1 / 4
"""By so much the weight of positions grows with the logarithm of the steps."""


class Training(NamedTuple):
    """What the score takes from the length of a training.

    bearable: S, the Σ g² at which it is left with 1/√2 of what it could learn (equation 24). detail: the weight of the
    logarithm of a layer's positions (equation 24a).
    """

    bearable: float
    detail: float


def training_of(steps: int) -> Training:
    """Return what the score takes from a training of so many steps."""
    return Training((steps / _UNIT) ** 2, 1 + _PATIENCE * math.log(steps / _BALANCED))


def of_layer(gradient: float, channels: int, flops: float, positions: float, detail: float) -> tuple[float, float]:
    """Return what a layer adds to roots and amounts, for an overlap and a depth of 1.

    gradient: the squared norm, of all output channels together. positions: of the output; divided by its overlap, they
    are the effective activations. detail: the weight of positions, see `Training`.
    """
    root = root_of(gradient, channels)
    return root, root * (detail * math.log(positions) + math.log(math.sqrt(flops / root) / root))


def root_of(gradient: float, channels: int) -> float:
    """Return r of a layer. gradient: the squared norm, of all output channels together."""
    root: float = (gradient / channels) ** _SIXTH
    return root


def growth(squares: float) -> tuple[float, float]:
    """Return the factor and the shift (see above) if all squared norms are multiplied by a number."""
    factor = squares**_SIXTH
    return factor, -1.5 * math.log(factor)


def energy_of(factor: Number) -> Number:
    """Return the number by which squared norms are multiplied if r is multiplied by a factor."""
    cubed = factor * factor * factor  # powers of arrays take many times as long
    return cubed * cubed


def log_growth(log_energy: float) -> tuple[float, float]:
    """Return the same as `growth` for the logarithm of the number."""
    return math.exp(log_energy / 6), -1.5 * log_energy / 6


def of_widths(groups: Iterable[Group], widths: Sequence[int]) -> tuple[float, float, float, float, list[float]]:
    """Return the sums of layers, and the factor of r of each group."""
    return _of_widths(groups, widths, math.sqrt, math.log)


def of_many_widths(groups: Iterable[Group], widths: Floats) -> tuple[Floats, Floats, Floats, Floats, list[Floats]]:
    """The array form of `of_widths`, (blocks,) each. widths: (widths, blocks)."""
    return _of_widths(groups, list(widths), np.sqrt, np.log)


def _of_widths(
    groups: Iterable[Group],
    widths: Sequence[Number],
    sqrt: Callable[[Number], Number],
    log: Callable[[Number], Number],
) -> tuple[Number, Number, Number, Number, list[Number]]:
    factors: list[Number] = []
    roots = amounts = squares = flops = 0.0 * widths[0]
    for fan_in, out, unit_roots, unit_amounts, unit_squares, unit_flops in groups:
        taken, given = widths[fan_in], widths[out]
        factor = (taken / given) ** _SIXTH
        roots = roots + factor * unit_roots
        amounts = amounts + factor * (unit_amounts + unit_roots * log(sqrt(taken * given / factor) / factor))
        squares = squares + taken * unit_squares
        flops = flops + taken * given * unit_flops
        factors.append(factor)
    return roots, amounts, squares, flops, factors


def of_numbers(layers: Iterable[float], z: float, overlap: float, depth: int) -> tuple[float, float, float]:
    """Return roots, amounts and squares of layers, with their overlaps and depths.

    layers: seven numbers a layer: a, b, output channels, amount, c, d, n, for a squared norm of a + b z per output
    channel, an amount as in `of_layer` but without r, an overlap of c + d · overlap, and a depth of n + depth.
    """
    roots = amounts = squares = 0.0
    numbers = iter(layers)
    for a, b, channels, amount, c, d, n in zip(*[numbers] * 7, strict=True):
        square, share = a + b * z, c + d * overlap
        root = square**_SIXTH
        roots += root
        amounts += root * (amount - math.log(root**3 * share**4 / (n + depth)) / 2)
        squares += channels * square
    return roots, amounts, squares


def steadiness(squares: float, bearable: float) -> float:
    """Return 1 / √(1 + Σ g² / S), what large gradients leave of all that a network could learn."""
    return 1 / math.sqrt(1 + squares / bearable)


def score(roots: float, amounts: float, squares: float, flops: float, log_directions: float, bearable: float) -> float:
    """Return the score. squares: for a gradient of energy 1 at the logits. log_directions: log D.
    bearable: S, see `Training`.

    A layer's share in learning is p = r / Σ r, and an amount a that is used as far as layers learn is Σ p log (a / p).
    The score is that of effective activations, and half of that of FLOPs, plus ½ log of all FLOPs, Σ p log (1 / o),
    ½ Σ p log depth, log D and −½ log (1 + Σ g² / S).
    """
    return _score(roots, amounts, squares, flops, log_directions, bearable, math.log, math.log1p)


def scores(
    roots: Floats, amounts: Floats, squares: Floats, flops: Floats, log_directions: Floats, bearable: float
) -> Floats:
    """The array form of `score`, (structures,); NaN where there are no layers."""
    return _score(roots, amounts, squares, flops, log_directions, bearable, np.log, np.log1p)


def _score(
    roots: Number,
    amounts: Number,
    squares: Number,
    flops: Number,
    log_directions: Number,
    bearable: float,
    log: Callable[[Number], Number],
    log1p: Callable[[Number], Number],
) -> Number:
    return amounts / roots + 1.5 * log(roots) + log(flops) / 2 + log_directions - log1p(squares / bearable) / 2
