"""How the score combines what it knows of the layers (docs/mean-field.md, equations 22 and 23).

This is the only place that knows the form of the score. A network is scored by `score` from sums over its layers of
what `of_layer` returns, less 2 r log o with the overlap o of a layer's output. If the gradients of all these layers
grow by a factor, r by `grown`, the sums become

    roots · grown,  (amounts − 2 roots · log grown) · grown.
"""

from __future__ import annotations

import math


def of_layer(gradient: float, flops: float, positions: float) -> tuple[float, float]:
    """Return r, the root of the norm of a layer's gradient, and r (log FLOPs + log positions − 2 log r).

    gradient: the squared norm. positions: of the output; divided by its overlap, they are the effective activations.
    """
    norm = math.sqrt(gradient)
    root = math.sqrt(norm)
    return root, root * math.log(flops * positions / norm)


def grown(energy: float) -> float:
    """Return by how much r grows if the gradient's energy grows by a factor."""
    return math.sqrt(math.sqrt(energy))


def score(roots: float, amounts: float, log_directions: float) -> float:
    """Return the score. roots, amounts: the sums over layers. log_directions: log D.

    A layer's share in learning is p = r / Σ r, and an amount a that is used as far as layers learn is Σ p log (a / p).
    The score is that of FLOPs, plus that of effective activations, plus Σ p log (1 / o) + log D.
    """
    return amounts / roots + 2 * math.log(roots) + log_directions
