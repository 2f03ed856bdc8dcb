"""How the score combines what it knows of the layers (docs/mean-field.md, equations 22 and 23).

This is the only place that knows the form of the score. Of its layers, it needs two sums, which blocks contribute to:

    roots    Σ r,  r being the root of the norm of a layer's gradient
    amounts  Σ r (log FLOPs + log positions − 2 log r),  less 2 r log o with the overlap o of a layer's output
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Sums(NamedTuple):
    """Sums over layers; see above."""

    roots: float
    amounts: float


def of_layer(gradient: float, flops: float, positions: float) -> Sums:
    """Return what a layer contributes, for an overlap of 1.

    gradient: the squared norm. positions: of the output; divided by its overlap, they are the effective activations.
    """
    norm = math.sqrt(gradient)
    root = math.sqrt(norm)
    return Sums(root, root * math.log(flops * positions / norm))


def scaled(sums: Sums, gradient: float, flops: float = 1.0) -> Sums:
    """Return the sums if all squared norms, and all FLOPs, are multiplied by a factor."""
    norm = math.sqrt(gradient)
    factor = math.sqrt(norm)
    return Sums(factor * sums.roots, factor * (sums.amounts + sums.roots * math.log(flops / norm)))


def score(roots: float, amounts: float, log_directions: float) -> float:
    """Return the score. log_directions: log D.

    A layer's share in learning is p = r / Σ r, and an amount a that is used as far as layers learn is Σ p log (a / p).
    The score is that of FLOPs, plus that of effective activations, plus Σ p log (1 / o) + log D.
    """
    return amounts / roots + 2 * math.log(roots) + log_directions
