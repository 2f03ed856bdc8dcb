"""How the score combines what it knows of a network (docs/mean-field.md, equations 22 to 24).

This is the only place that knows the form of the score. Of its layers, it needs three sums, which blocks contribute to:

    roots    Σ r,  r being the root of the angle by which a step turns a layer's weights
    amounts  Σ r (log FLOPs + log positions − 2 log r),  less 2 r log o with the overlap o of a layer's output
    squares  Σ g²,  g being the norm of a layer's gradient

If all gradients grow, r grows by a factor, roots become roots · factor, amounts (amounts + roots · shift) · factor, and
squares squares · factor⁴.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from PlainNet.arrays.structures import Floats

_STEPS = 100_000
"""Of a training: what a network can learn in so many steps counts."""


def of_layer(gradient: float, channels: int, flops: float, positions: float) -> tuple[float, float]:
    """Return what a layer adds to the sums, for an overlap of 1.

    gradient: the squared norm, of all output channels together. positions: of the output; divided by its overlap, they
    are the effective activations.
    """
    norm = math.sqrt(gradient / channels)
    root = math.sqrt(norm)
    return root, root * math.log(flops * positions / norm)


def growth(energy: float) -> tuple[float, float]:
    """Return the factor and the shift (see above) if all squared norms are multiplied by a number."""
    norm = math.sqrt(energy)
    return math.sqrt(norm), -math.log(norm)


def log_growth(log_energy: float) -> tuple[float, float]:
    """Return the same as `growth` for the logarithm of the number."""
    return math.exp(log_energy / 4), -log_energy / 2


def of_widths(
    groups: Iterable[tuple[int, int, float, float, float]], widths: Sequence[int]
) -> tuple[float, float, float, list[float]]:
    """Return the sums of layers, and the factor of r of each group.

    groups: (fan-in, out, roots, amounts, squares), the first two as indices of widths, and the sums for widths of 1.
    Squared norms are proportional to the fan-in, and FLOPs to both widths.
    """
    factors = []
    roots = amounts = squares = 0.0
    for fan_in, out, unit_roots, unit_amounts, unit_squares in groups:
        taken, given = widths[fan_in], widths[out]
        norm = math.sqrt(taken / given)
        factor = math.sqrt(norm)
        root = factor * unit_roots
        roots += root
        amounts += factor * unit_amounts + root * math.log(taken * given / norm)
        squares += taken * unit_squares
        factors.append(factor)
    return roots, amounts, squares, factors


def of_numbers(layers: Iterable[float], z: float, overlap: float) -> tuple[float, float, float]:
    """Return the sums of layers, with their overlaps.

    layers: six numbers a layer: a, b, output channels, log FLOPs · positions, c, d, for a squared norm of a + b z per
    output channel, and an overlap of c + d · overlap.
    """
    roots = amounts = squares = 0.0
    numbers = iter(layers)
    for a, b, channels, log_amount, c, d in zip(numbers, numbers, numbers, numbers, numbers, numbers, strict=True):
        square, share = a + b * z, c + d * overlap
        norm = math.sqrt(square)
        root = math.sqrt(norm)
        roots += root
        amounts += root * (log_amount - math.log(norm * share * share))
        squares += channels * square
    return roots, amounts, squares


def score(roots: float, amounts: float, squares: float, log_directions: float) -> float:
    """Return the score. squares: for a gradient of energy 1 at the logits. log_directions: log D.

    A layer's share in learning is p = r / Σ r, and an amount a that is used as far as layers learn is Σ p log (a / p).
    The score is that of FLOPs, plus that of effective activations, plus Σ p log (1 / o) + log D − ½ log (1 + Σ g² / S).
    """
    return amounts / roots + 2 * math.log(roots) + log_directions - math.log1p(squares / _STEPS) / 2


def of_many_widths(
    groups: Sequence[tuple[int, int, float, float, float]], widths: Floats
) -> tuple[Floats, Floats, Floats, list[Floats]]:
    """The array form of `of_widths`, (blocks,) each. widths: (widths, blocks)."""
    roots, amounts, squares = np.zeros((3, widths.shape[1]))
    factors = []
    for fan_in, out, unit_roots, unit_amounts, unit_squares in groups:
        taken, given = widths[fan_in], widths[out]
        norm = np.sqrt(taken / given)
        factor = np.sqrt(norm)
        root = factor * unit_roots
        roots += root
        amounts += factor * unit_amounts + root * np.log(taken * given / norm)
        squares += taken * unit_squares
        factors.append(factor)
    return roots, amounts, squares, factors


def scores(roots: Floats, amounts: Floats, squares: Floats, log_directions: Floats) -> Floats:
    """The array form of `score`, (structures,); NaN where there are no layers."""
    found: Floats = amounts / roots + 2 * np.log(roots) + log_directions - np.log1p(squares / _STEPS) / 2
    return found
