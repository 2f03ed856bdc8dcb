"""The 34 operations of programs, OP0 to OP33 in table 5 of the EZNAS paper. This file does not import torch by itself.

`apply` runs one. Operations do not write into their arguments. Two tensors of different shapes are broadcast as torch
does. Conditions give 1 and 0 in the data type of the argument, and operations without a shape give a tensor of shape
(). Results can be infinite or NaN; only the score of a program has to be finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PlainNet.errors import reason
from ZeroShotProxy.programs.errors import ProgramError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Operation:
    """An operation. number: in the paper's table. arity: 1 or 2. function: takes and returns tensors."""

    number: int
    name: str
    arity: int
    function: Callable[..., Tensor]


def apply(name: str, arguments: Sequence[Tensor]) -> Tensor:
    """Return the result of an operation on as many tensors as its arity.

    Raises ProgramError, with the operation and the shapes, if it does not take tensors of these shapes or values.
    """
    try:
        return OPERATIONS[name].function(*arguments)
    except (RuntimeError, IndexError, ProgramError) as error:  # torch's for shapes, and for matrices it cannot factor
        shapes = " and ".join(str(tuple(x.shape)) for x in arguments)
        raise ProgramError(f"{name} of {shapes} is not possible: {reason(error)}") from error


def logdet(x: Tensor) -> Tensor:
    """Return the logarithms of the determinants of matrices (…, n, n), in the shape (…).

    A negative determinant has no logarithm and gives 0, as NaN does. A matrix that is singular up to rounding gives
    −inf. Raises ProgramError if matrices are not square.
    """
    import torch

    _square(x)
    factors, order, _ = torch.linalg.lu_factor_ex(x)
    pivots = factors.diagonal(dim1=-2, dim2=-1)
    size = pivots.abs()
    # The last pivots of a singular matrix are tiny instead of zero, but the determinant need not be tiny.
    singular = size.amin(-1) <= x.shape[-1] * torch.finfo(x.dtype).eps * size.amax(-1)
    exchanges = (order != torch.arange(1, x.shape[-1] + 1, device=x.device)).sum(-1)
    negative = ((pivots < 0).sum(-1) + exchanges) % 2 == 1
    found: Tensor = size.log().sum(-1)
    found = found.masked_fill(negative | found.isnan(), 0)
    return found.masked_fill(singular, -math.inf)


def _matmul(x: Tensor, y: Tensor) -> Tensor:
    return x @ y


def _log(x: Tensor) -> Tensor:
    return x.masked_fill(x <= 0, 1).log()


def _log_abs(x: Tensor) -> Tensor:
    return x.abs().masked_fill(x == 0, 1).log()


def _standardise(x: Tensor) -> Tensor:
    """Minus the mean, divided by the standard deviation (with n − 1). NaN becomes 0, as in constant tensors."""
    if x.numel() < 2 or bool(x.max() == x.min()):  # rounding could give the mean of a constant another value
        return x.new_zeros(x.shape)
    z = (x - x.mean()) / x.std()
    return z.masked_fill(z.isnan(), 0)


def _positive(x: Tensor) -> Tensor:
    return (x > 0).to(x.dtype)


def _det(x: Tensor) -> Tensor:
    return _square(x).det()


def _eig_ratio_symmetric(x: Tensor) -> Tensor:
    """The largest eigenvalue of A Aᵀ + (A Aᵀ)ᵀ divided by the smallest, with A the rows of x."""
    import torch

    gram = _gram(x)
    return _ratio(torch.linalg.eigvalsh(gram + gram.T))


def _eig_ratio(x: Tensor) -> Tensor:
    """The largest eigenvalue of A Aᵀ divided by the smallest, by the solver for any matrix; A are the rows of x."""
    import torch

    return _ratio(torch.linalg.eigvals(_gram(x)).real)


def _ratio(eigenvalues: Tensor) -> Tensor:
    """The largest eigenvalue by the smallest, which counts as 0 if it is so up to rounding: rounding gives any sign."""
    import torch

    largest, smallest = eigenvalues.max(), eigenvalues.min()
    rounding = len(eigenvalues) * torch.finfo(eigenvalues.dtype).eps * largest
    return largest / smallest.masked_fill(smallest <= rounding, 0)


def _hamming(x: Tensor, y: Tensor) -> Tensor:
    """The number of elements, in their order, of which only one is positive."""
    return ((x > 0).flatten() != (y > 0).flatten()).sum().to(x.dtype)


def _kl(x: Tensor, y: Tensor) -> Tensor:
    """The Kullback–Leibler divergence of y from logarithms x, summed and divided by the length of dimension 0.

    Elements with y = 0 count as 0; a negative y gives NaN.
    """
    if not x.dim():
        raise ProgramError("it needs a dimension for the mean")
    return (y.xlogy(y) - y * x).sum() / len(x)


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    """The sum of the cosines between the rows of x and y. Those with rows of zeros count as 0."""
    return (_directions(x) * _directions(y)).sum()


def _softmax(x: Tensor) -> Tensor:
    """Over dimension 1, or 0 if there are 0, 1 or 3 dimensions: what torch takes if none is named."""
    return x.softmax(0 if x.dim() in (0, 1, 3) else 1)


def _square(x: Tensor) -> Tensor:
    if x.dim() < 2 or x.shape[-1] != x.shape[-2]:
        raise ProgramError("it needs square matrices")
    return x


def _rows(x: Tensor) -> Tensor:
    """All dimensions but the first as one."""
    if not x.dim():
        raise ProgramError("it needs rows")
    return x.reshape(len(x), -1)


def _directions(x: Tensor) -> Tensor:
    """The rows, scaled to length 1, however small they are."""
    rows = _rows(x)
    largest = rows.abs().amax(1, keepdim=True)
    rows = rows / largest.masked_fill(largest == 0, 1)
    length: Tensor = rows.norm(dim=1, keepdim=True)
    return rows / length.masked_fill(length == 0, 1)


def _gram(x: Tensor) -> Tensor:
    rows = _rows(x)
    gram = rows @ rows.T
    if not bool(gram.isfinite().all()):  # such matrices have no eigenvalues
        raise ProgramError("it needs finite products of rows")
    return gram


_TABLE = (
    Operation(0, "add", 2, lambda x, y: x + y),
    Operation(1, "sub", 2, lambda x, y: x - y),
    Operation(2, "mul", 2, lambda x, y: x * y),
    Operation(3, "matmul", 2, _matmul),
    Operation(4, "less", 2, lambda x, y: (x < y).to(x.dtype)),
    Operation(5, "greater", 2, lambda x, y: (x > y).to(x.dtype)),
    Operation(6, "equal", 2, lambda x, y: (x == y).to(x.dtype)),
    Operation(7, "log", 1, _log),
    Operation(8, "log_abs", 1, _log_abs),
    Operation(9, "abs", 1, lambda x: x.abs()),
    Operation(10, "square", 1, lambda x: x.square()),
    Operation(11, "exp", 1, lambda x: x.exp()),
    Operation(12, "standardise", 1, _standardise),
    Operation(13, "relu", 1, lambda x: x.relu()),
    Operation(14, "sign", 1, lambda x: x.sign()),
    Operation(15, "heaviside", 1, _positive),
    Operation(16, "inverse", 1, lambda x: 1 / x),
    Operation(17, "frobenius", 1, lambda x: x.norm()),
    Operation(18, "det", 1, _det),
    Operation(19, "logdet", 1, logdet),
    Operation(20, "eig_ratio_symmetric", 1, _eig_ratio_symmetric),
    Operation(21, "eig_ratio", 1, _eig_ratio),
    Operation(22, "mean", 1, lambda x: x.mean()),
    Operation(23, "mean_abs", 1, lambda x: x.abs().mean()),
    Operation(24, "hamming", 2, _hamming),
    Operation(25, "kl", 2, _kl),
    Operation(26, "cosine", 2, _cosine),
    Operation(27, "softmax", 1, _softmax),
    Operation(28, "sigmoid", 1, lambda x: x.sigmoid()),
    Operation(29, "ones", 1, lambda x: x.new_ones(x.shape)),
    Operation(30, "zeros", 1, lambda x: x.new_zeros(x.shape)),
    Operation(31, "positive", 1, _positive),
    Operation(32, "negative", 1, lambda x: (x < 0).to(x.dtype)),
    Operation(33, "numel", 1, lambda x: x.new_tensor(float(x.numel()))),
)
OPERATIONS = {operation.name: operation for operation in _TABLE}
"""The operations by name, in the order of their numbers."""
