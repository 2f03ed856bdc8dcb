"""Determinants of many small matrices and their logarithms. This file does not import torch by itself.

Matrices of single precision are taken to double precision, where rounding hides no digit of theirs. Those of weights
are hundreds of thousands of 3 × 3 matrices, so these are expanded, all at once; larger ones are factored by torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ZeroShotProxy.programs import dims

if TYPE_CHECKING:
    from torch import Tensor

_EXPANDED = 3
"""Larger matrices are factored."""
_ROUNDINGS = 2**10
"""Singular matrices have pivots of up to 60 roundings, regular ones of single precision of more than 200,000."""
_PART = 2**13
"""So many matrices are taken at once, so that what is made of them stays in caches."""


def det(x: Tensor) -> Tensor:
    """Return the determinants of matrices (…, n, n), in the shape (…). Raises ProgramError if they are not square."""
    dims.square(tuple(x.shape))
    if x.shape[-1] == 1:
        return x[..., 0, 0].clone()
    if not _expands(x):
        return x.det()
    return _expanded(_elements(x)).to(x.dtype).reshape(x.shape[:-2])


def logdet(x: Tensor) -> Tensor:
    """Return the logarithms of the determinants of matrices (…, n, n), in the shape (…).

    A negative determinant has no logarithm and gives 0, as NaN does. A matrix that is singular up to rounding in double
    precision gives −inf, however its rows and columns are scaled. Raises ProgramError if matrices are not square.
    """
    dims.square(tuple(x.shape))
    if x.shape[-1] == 1:
        return x[..., 0, 0].log().masked_fill_(~(x[..., 0, 0] >= 0), 0)
    matrices = x.reshape(-1, *x.shape[-2:])
    function = _small if _expands(x) else _factored
    found = matrices.new_empty(len(matrices))
    for into, part in zip(found.split(_PART), matrices.split(_PART), strict=True):  # new memory takes time
        logarithm, negative, singular = function(part)
        logarithm.masked_fill_(negative | logarithm.isnan(), 0)
        into.copy_(logarithm if singular is None else logarithm.masked_fill_(singular, -math.inf))
    return found.reshape(x.shape[:-2])


def _expands(x: Tensor) -> bool:
    """Whether products of elements stay within the range of double precision, and are few."""
    import torch

    return x.shape[-1] <= _EXPANDED and x.dtype != torch.float64


def _elements(x: Tensor) -> Tensor:
    """The elements of matrices (…, n, n) in double precision, (n², matrices)."""
    return x.reshape(-1, x.shape[-1] ** 2).T.double().contiguous()


def _expanded(e: Tensor) -> Tensor:
    """The determinants of matrices, by minors of the last rows."""
    import torch

    if len(e) == 4:
        return torch.addcmul(e[0] * e[3], e[1], e[2], value=-1)
    found = _minor(e, 1, 2).mul_(e[0])
    found.addcmul_(_minor(e, 0, 2), e[1], value=-1)
    return found.addcmul_(_minor(e, 0, 1), e[2])


def _minor(e: Tensor, i: int, j: int, sign: int = -1) -> Tensor:
    """Of the last two rows of 3 × 3 matrices, the columns i and j."""
    return (e[3 + i] * e[6 + j]).addcmul_(e[3 + j], e[6 + i], value=sign)


def _small(x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """The logarithms of the sizes of determinants, and which are negative, and singular up to rounding."""
    import torch

    e = _elements(x)
    found = _expanded(e)
    size, negative = found.abs(), found < 0
    if len(e) < 9:  # products of two numbers of single precision are exact, so only 0 is 0
        return size.log_(), negative, None
    rounding = 4 * torch.finfo(e.dtype).eps
    suspicious = (size <= rounding * 6 * e.abs().amax(0) ** 3).nonzero()[:, 0]
    if not len(suspicious):
        return size.log_(), negative, None
    e = e[:, suspicious].abs()
    scale = e[0] * _minor(e, 1, 2, 1) + e[1] * _minor(e, 0, 2, 1) + e[2] * _minor(e, 0, 1, 1)
    singular = torch.zeros_like(negative)
    singular[suspicious] = size[suspicious] <= rounding * scale
    return size.log_(), negative, singular


def _factored(x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
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
    singular = (size <= _ROUNDINGS * n * torch.finfo(factors.dtype).eps * scale).any(-1)
    exchanges = (order != torch.arange(1, n + 1, device=x.device)).sum(-1)
    negative = ((pivots < 0).sum(-1) + exchanges) % 2 == 1
    return size.log().sum(-1), negative, singular
