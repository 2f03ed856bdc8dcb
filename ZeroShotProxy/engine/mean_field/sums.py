"""How the score combines what it knows of the layers (docs/mean-field.md, equations 22 and 23).

This is the only place that knows the form of the score. Of its layers, it needs two sums, which blocks contribute to:

    roots    Σ r,  r being the root of the norm of a layer's gradient
    amounts  Σ r (log FLOPs + log positions − 2 log r),  less 2 r log o with the overlap o of a layer's output

If all gradients grow, r grows by a factor, roots become roots · factor, and amounts (amounts + roots · shift) · factor.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def of_layer(gradient: float, flops: float, positions: float) -> tuple[float, float]:
    """Return what a layer adds to the sums, for an overlap of 1.

    gradient: the squared norm. positions: of the output; divided by its overlap, they are the effective activations.
    """
    norm = math.sqrt(gradient)
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
    groups: Iterable[tuple[int, int, float, float]], widths: Sequence[int]
) -> tuple[float, float, list[float]]:
    """Return the sums of layers, and by how much r grows with each width.

    groups: (fan-in, out, roots, amounts), the first two as indices of widths, and the sums for widths of 1. Squared
    norms are proportional to the fan-in, and FLOPs to both widths.
    """
    logs = [math.log(width) for width in widths]
    factors = [math.sqrt(math.sqrt(width)) for width in widths]
    roots = amounts = 0.0
    for fan_in, out, unit_roots, unit_amounts in groups:
        factor = factors[fan_in]
        root = factor * unit_roots
        roots += root
        amounts += factor * unit_amounts + root * (0.5 * logs[fan_in] + logs[out])
    return roots, amounts, factors


def of_numbers(layers: Iterable[float], z: float, overlap: float) -> tuple[float, float]:
    """Return the sums of layers, with their overlaps.

    layers: five numbers a layer: a, b, log FLOPs · positions, c, d, for a squared norm of a + b z, and an overlap of
    c + d · overlap.
    """
    roots = amounts = 0.0
    numbers = iter(layers)
    for a, b, log_amount, c, d in zip(numbers, numbers, numbers, numbers, numbers, strict=True):
        norm, share = math.sqrt(a + b * z), c + d * overlap
        root = math.sqrt(norm)
        roots += root
        amounts += root * (log_amount - math.log(norm * share * share))
    return roots, amounts


def score(roots: float, amounts: float, log_directions: float) -> float:
    """Return the score. log_directions: log D.

    A layer's share in learning is p = r / Σ r, and an amount a that is used as far as layers learn is Σ p log (a / p).
    The score is that of FLOPs, plus that of effective activations, plus Σ p log (1 / o) + log D.
    """
    return amounts / roots + 2 * math.log(roots) + log_directions
