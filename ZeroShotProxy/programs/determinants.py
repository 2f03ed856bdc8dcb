"""Determinants of many small matrices and their logarithms. This file does not import torch by itself.

Matrices of single precision are taken to double precision, where rounding hides no digit of theirs. Those of weights
are hundreds of thousands of 3 × 3 matrices, so these are expanded, all at once; larger ones are factored by torch.
"""

from __future__ import annotations

import math
from itertools import permutations
from typing import TYPE_CHECKING

from ZeroShotProxy.programs import dims

if TYPE_CHECKING:
    from torch import Tensor

_EXPANDED = 3
"""Larger matrices are factored."""


def det(x: Tensor) -> Tensor:
    """Return the determinants of matrices (…, n, n), in the shape (…). Raises ProgramError if they are not square."""
    dims.square(tuple(x.shape))
    return _expanded(x)[0].to(x.dtype) if _expands(x) else x.det()


def logdet(x: Tensor) -> Tensor:
    """Return the logarithms of the determinants of matrices (…, n, n), in the shape (…).

    A negative determinant has no logarithm and gives 0, as NaN does. A matrix that is singular up to rounding in double
    precision gives −inf, however its rows and columns are scaled. Raises ProgramError if matrices are not square.
    """
    import torch

    dims.square(tuple(x.shape))
    if _expands(x):
        found, scale = _expanded(x)
        logarithm, negative = found.abs().log_(), found < 0
        singular = found.abs() <= 4 * torch.finfo(found.dtype).eps * scale
    else:
        logarithm, negative, singular = _factored(x)
    logarithm = logarithm.masked_fill_(negative | logarithm.isnan(), 0)
    return logarithm.masked_fill_(singular, -math.inf).to(x.dtype)


def _expands(x: Tensor) -> bool:
    """Whether products of elements stay within the range of double precision, and are few."""
    import torch

    return x.shape[-1] <= _EXPANDED and x.dtype != torch.float64


def _expanded(x: Tensor) -> tuple[Tensor, Tensor]:
    """The determinants by Leibniz's formula, and the sums of the sizes of its terms, in double precision."""
    import torch

    n = x.shape[-1]
    elements = x.reshape(-1, n * n).T.contiguous().double()
    found, scale = torch.zeros_like(elements[0]), torch.zeros_like(elements[0])
    for order in permutations(range(n)):
        term = elements[order[0]].clone()
        for row, column in enumerate(order[1:], start=1):
            term.mul_(elements[row * n + column])
        swaps = sum(a > b for i, a in enumerate(order) for b in order[i + 1 :])
        found.add_(term, alpha=-1 if swaps % 2 else 1)
        scale.add_(term.abs_())
    return found.reshape(x.shape[:-2]), scale.reshape(x.shape[:-2])


def _factored(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The logarithms of the sizes of determinants, and which are negative, and singular up to rounding.

    A pivot is what is left of an element after subtractions. It is zero up to rounding if it is small beside
    (|L| |U|)ᵢᵢ, the sizes of what was subtracted (Higham, Accuracy and Stability of Numerical Algorithms, theorem 9.3).
    """
    import torch

    n = x.shape[-1]
    factors, order, _ = torch.linalg.lu_factor_ex(x.double())
    pivots = factors.diagonal(dim1=-2, dim2=-1)
    size = pivots.abs()
    scale = size + (factors * factors.mT).abs_().tril_(-1).sum(-1)
    singular = (size <= 2 * n * torch.finfo(factors.dtype).eps * scale).any(-1)
    exchanges = (order != torch.arange(1, n + 1, device=x.device)).sum(-1)
    negative = ((pivots < 0).sum(-1) + exchanges) % 2 == 1
    return size.log().sum(-1), negative, singular
