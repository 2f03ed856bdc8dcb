"""The 34 operations of programs, OP0 to OP33 in table 5 of the EZNAS paper. This file does not import torch by itself.

An operation works on stacks, tensors (U, …) of U units of the same shape, each unit by itself: its result for a unit is
the same, bit by bit, in every stack. `apply` runs one on single tensors. `shapes.py` of a result follow from those of
the arguments without running anything. Operations do not write into their arguments. Two tensors of different shapes
are broadcast as torch does. Conditions give 1 and 0 in the data type of the argument, and operations without a shape
give a tensor of shape (). Results can be infinite or NaN; only the score of a program has to be finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PlainNet.errors import reason
from ZeroShotProxy.programs import dims
from ZeroShotProxy.programs.determinants import det, logdet
from ZeroShotProxy.programs.errors import ProgramError
from ZeroShotProxy.programs.shapes import Dims

if TYPE_CHECKING:
    from torch import Tensor

_ALIGNED = 64
"""Bytes. Libraries of linear algebra may round differently for matrices that begin elsewhere."""
_ALMOST = 1e-3
"""Tensors may be constant if their deviation is at most this part of their mean. Rounding gives constants far less."""


@dataclass(frozen=True)
class Operation:
    """An operation.

    number: in the paper's table. arity: 1 or 2. function: takes and returns stacks, (U, …). shape: of the result for
    one unit, from those of its arguments; raises ProgramError for shapes that it does not take. fill: what all elements
    of the result are if they follow from the shape of the argument, otherwise None.
    """

    number: int
    name: str
    arity: int
    function: Callable[..., Tensor]
    shape: Callable[..., Dims]
    fill: Callable[[Dims], float] | None = None


def apply(name: str, arguments: Sequence[Tensor]) -> Tensor:
    """Return the result of an operation on as many tensors as its arity.

    Raises ProgramError, with the operation and the shapes, if it does not take tensors of these shapes or values.
    """
    shape_of(name, [tuple(x.shape) for x in arguments])
    return apply_to_stacks(name, [x[None] for x in arguments])[0]


def apply_to_stacks(name: str, stacks: Sequence[Tensor]) -> Tensor:
    """Return the result of an operation on stacks, (U, …), of shapes that `shape_of` takes.

    Raises ProgramError, with the operation and the shapes, if it does not take the values.
    """
    try:
        return OPERATIONS[name].function(*stacks)
    except (RuntimeError, ProgramError) as error:  # torch's for matrices it cannot factor
        raise _not_possible(name, [tuple(x.shape[1:]) for x in stacks], error) from error


def shape_of(name: str, shapes: Sequence[Dims]) -> Dims:
    """Return the shape of the result on tensors of these shapes. Raises ProgramError as `apply` does."""
    try:
        return OPERATIONS[name].shape(*shapes)
    except ProgramError as error:
        raise _not_possible(name, shapes, error) from error


def _not_possible(name: str, shapes: Sequence[Dims], error: Exception) -> ProgramError:
    return ProgramError(f"{name} of {' and '.join(map(str, shapes))} is not possible: {reason(error)}")


def _flat(x: Tensor) -> Tensor:
    """The elements of each unit in a row, (U, N)."""
    return x.reshape(len(x), -1)


def _of_both(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of two stacks whose units are broadcast."""

    def broadcast(x: Tensor, y: Tensor) -> Tensor:
        missing = x.dim() - y.dim()
        if missing > 0:
            y = y.reshape(len(y), *(1,) * missing, *y.shape[1:])
        elif missing:
            x = x.reshape(len(x), *(1,) * -missing, *x.shape[1:])
        return function(x, y)

    return broadcast


def _by_library(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of a library of linear algebra; units that would not be aligned in a stack are given one by one."""

    def aligned(*stacks: Tensor) -> Tensor:
        import torch

        count = len(stacks[0])
        if count == 1 or all(x[0].nbytes % _ALIGNED == 0 for x in stacks):
            return function(*(x.contiguous() for x in stacks))
        return torch.cat([function(*(x[i : i + 1].clone() for x in stacks)) for i in range(count)])

    return aligned


@_by_library
def _matmul(x: Tensor, y: Tensor) -> Tensor:
    row, column = x.dim() == 2, y.dim() == 2
    x, y = x.unsqueeze(-2) if row else x, y.unsqueeze(-1) if column else y
    found = _of_both(lambda a, b: a @ b)(x, y)
    found = found.squeeze(-2) if row else found
    return found.squeeze(-1) if column else found


def _condition(name: str) -> Callable[[Tensor, Tensor | float], Tensor]:
    """A comparison by torch's function of this name, as 1 and 0 in the data type of x; booleans take a pass more."""

    def compared(x: Tensor, y: Tensor | float) -> Tensor:
        import torch

        shape = x.shape if isinstance(y, float) or x.shape == y.shape else torch.broadcast_shapes(x.shape, y.shape)
        found: Tensor = getattr(torch, name)(x, y, out=x.new_empty(shape))
        return found

    return compared


_less, _equal, _above, _at_most = _condition("lt"), _condition("eq"), _condition("gt"), _condition("le")


def _log(x: Tensor) -> Tensor:
    """Sums of 0 and 1 take a fraction of the time of masks, which the processor cannot foresee."""
    return x.relu().add_(_at_most(x, 0.0)).log_()


def _log_abs(x: Tensor) -> Tensor:
    return x.abs().add_(_equal(x, 0.0)).log_()


def _standardise(x: Tensor) -> Tensor:
    """Minus the mean, divided by the standard deviation (with n − 1). NaN becomes 0, as in constant tensors."""
    import torch

    rows = _flat(x)
    if rows.shape[1] < 2:
        return x.new_zeros(x.shape)
    mean = rows.mean(1, keepdim=True)
    z = rows - mean
    # The squares of a number of single precision can be too large or too small for it.
    length = torch.linalg.vector_norm(z, dim=1, keepdim=True, dtype=torch.float64)
    deviation = length.div_(math.sqrt(rows.shape[1] - 1)).to(x.dtype)
    z.div_(deviation)
    if not bool(((deviation > _ALMOST * mean.abs()) & deviation.isfinite()).all()):
        constant = (rows == rows[:, :1]).all(1, keepdim=True)  # rounding could give the mean of one another value
        z.masked_fill_(z.isnan() | constant, 0)
    return z.reshape(x.shape)


def _positive(x: Tensor) -> Tensor:
    return _above(x, 0.0)


def _sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(−x)). torch's own is rounded differently in the last elements of a tensor."""
    return (-x).exp_().add_(1).reciprocal_()


def _eig_ratio(x: Tensor) -> Tensor:
    """The largest eigenvalue of A Aᵀ divided by the smallest, with A the rows of x.

    The smallest counts as 0 if it is so up to rounding, which gives it any sign. A Aᵀ is symmetric, so that the solver
    for symmetric matrices finds what that for any matrix would find in many times the time, and the ratio is that of
    A Aᵀ + (A Aᵀ)ᵀ, which is twice the same matrix.
    """
    import torch

    rows = x.reshape(*x.shape[:2], -1)
    squares = rows.square().sum(2)  # the diagonal of A Aᵀ, which has no larger element elsewhere
    if not bool(squares.isfinite().all()):  # such matrices have no eigenvalues
        raise ProgramError("it needs finite products of rows")
    if rows.shape[1] == 1:
        largest = smallest = squares[:, 0]
    elif rows.shape[1] > rows.shape[2]:  # the smallest eigenvalue is 0, and the sum of all is that of the diagonal
        largest, smallest = squares.sum(1), torch.zeros_like(squares[:, 0])
    else:
        found = _eigenvalues(_gram(x))
        largest, smallest = found.amax(1), found.amin(1)
    rounding = rows.shape[1] * torch.finfo(x.dtype).eps * largest
    return largest / smallest.masked_fill(smallest <= rounding, 0)


@_by_library
def _gram(x: Tensor) -> Tensor:
    rows = x.reshape(*x.shape[:2], -1)
    return rows @ rows.mT


@_by_library
def _eigenvalues(x: Tensor) -> Tensor:
    import torch

    found: Tensor = torch.linalg.eigvalsh(x)
    return found


def _frobenius(x: Tensor) -> Tensor:
    found: Tensor = _flat(x).norm(dim=1)
    return found


def _mean(x: Tensor) -> Tensor:
    return _flat(x).mean(1)


def _hamming(x: Tensor, y: Tensor) -> Tensor:
    """The number of elements, in their order, of which only one is positive."""
    return (_flat(x > 0) != _flat(y > 0)).sum(1).to(x.dtype)


def _kl(x: Tensor, y: Tensor) -> Tensor:
    """The Kullback–Leibler divergence of y from logarithms x, summed and divided by the length of dimension 0.

    Elements with y = 0 count as 0; a negative y gives NaN.
    """
    return _flat(_of_both(lambda a, b: b.xlogy(b) - b * a)(x, y)).sum(1) / x.shape[1]


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    """The sum of the cosines between the rows of x and y. Those with rows of zeros count as 0."""
    return _flat(_directions(x) * _directions(y)).sum(1)


def _directions(x: Tensor) -> Tensor:
    """The rows, scaled to length 1, however small they are."""
    rows = x.reshape(*x.shape[:2], -1)
    largest = rows.abs().amax(2, keepdim=True)
    rows = rows / largest.masked_fill(largest == 0, 1)
    length: Tensor = rows.norm(dim=2, keepdim=True)
    return rows / length.masked_fill(length == 0, 1)


def _softmax(x: Tensor) -> Tensor:
    """Over dimension 1, or 0 if there are 0, 1 or 3 dimensions: what torch takes if none is named."""
    if x.dim() == 1:
        return x[:, None].softmax(1)[:, 0]
    return x.softmax(1 if x.dim() in (2, 4) else 2)


def _filled(shape: Callable[[Dims], Dims], fill: Callable[[Dims], float]) -> Callable[[Tensor], Tensor]:
    def filled(x: Tensor) -> Tensor:
        unit = tuple(x.shape[1:])
        return x.new_full((len(x), *shape(unit)), fill(unit))

    return filled


def _number(dims_of_argument: Dims) -> float:
    return float(math.prod(dims_of_argument))


def _one(_: Dims) -> float:
    return 1.0


def _zero(_: Dims) -> float:
    return 0.0


_TABLE = (
    Operation(0, "add", 2, _of_both(lambda x, y: x + y), dims.broadcast),
    Operation(1, "sub", 2, _of_both(lambda x, y: x - y), dims.broadcast),
    Operation(2, "mul", 2, _of_both(lambda x, y: x * y), dims.broadcast),
    Operation(3, "matmul", 2, _matmul, dims.matmul),
    Operation(4, "less", 2, _of_both(_less), dims.broadcast),
    Operation(5, "greater", 2, _of_both(_above), dims.broadcast),
    Operation(6, "equal", 2, _of_both(_equal), dims.broadcast),
    Operation(7, "log", 1, _log, dims.same),
    Operation(8, "log_abs", 1, _log_abs, dims.same),
    Operation(9, "abs", 1, lambda x: x.abs(), dims.same),
    Operation(10, "square", 1, lambda x: x.square(), dims.same),
    Operation(11, "exp", 1, lambda x: x.exp(), dims.same),
    Operation(12, "standardise", 1, _standardise, dims.same),
    Operation(13, "relu", 1, lambda x: x.relu(), dims.same),
    Operation(14, "sign", 1, lambda x: x.sign(), dims.same),
    Operation(15, "heaviside", 1, _positive, dims.same),
    Operation(16, "inverse", 1, lambda x: 1 / x, dims.same),
    Operation(17, "frobenius", 1, _frobenius, dims.number),
    Operation(18, "det", 1, _by_library(det), dims.square),
    Operation(19, "logdet", 1, _by_library(logdet), dims.square),
    Operation(20, "eig_ratio_symmetric", 1, _eig_ratio, dims.number_of_rows),
    Operation(21, "eig_ratio", 1, _eig_ratio, dims.number_of_rows),
    Operation(22, "mean", 1, _mean, dims.number),
    Operation(23, "mean_abs", 1, lambda x: _mean(x.abs()), dims.number),
    Operation(24, "hamming", 2, _hamming, dims.elements),
    Operation(25, "kl", 2, _kl, dims.mean_of_rows),
    Operation(26, "cosine", 2, _cosine, dims.rows),
    Operation(27, "softmax", 1, _softmax, dims.same),
    Operation(28, "sigmoid", 1, _sigmoid, dims.same),
    Operation(29, "ones", 1, _filled(dims.same, _one), dims.same, _one),
    Operation(30, "zeros", 1, _filled(dims.same, _zero), dims.same, _zero),
    Operation(31, "positive", 1, _positive, dims.same),
    Operation(32, "negative", 1, lambda x: _less(x, 0.0), dims.same),
    Operation(33, "numel", 1, _filled(dims.number, _number), dims.number, _number),
)
OPERATIONS = {operation.name: operation for operation in _TABLE}
"""The operations by name, in the order of their numbers."""
SAME = {"heaviside": "positive", "eig_ratio_symmetric": "eig_ratio"}
"""Operations that give the same as another one."""
EITHER_WAY = frozenset({"add", "mul", "equal", "hamming", "cosine"})
"""Operations of two arguments whose order does not matter."""
