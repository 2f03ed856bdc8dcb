"""Programs on statistics in closed form, in NumPy: they score a structure in about a millisecond, without torch.

The operations are those of `operations.py` for vectors and single numbers, in single precision, so that a program gives
what a search has seen. Tests hold both equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from PlainNet.errors import reason
from PlainNet.ops import OpGraph
from ZeroShotProxy.engine.mean_field import STEPS
from ZeroShotProxy.programs.convolutions import Vector, closed_forms
from ZeroShotProxy.programs.errors import ProgramError
from ZeroShotProxy.programs.running import Program, ToScalar, not_finite
from ZeroShotProxy.programs.tree import Leaf, Tree, statistics_of

Function: TypeAlias = Callable[..., Any]
"""Takes vectors, and returns one, in any precision, or a number."""


def score_of(program: Program, graph: OpGraph, steps: int = STEPS) -> float:
    """Return the score of a network by a program that reads closed forms. steps: of the training.

    Raises ProgramError if the network has none, or an operation fails, or the score is not finite.
    """
    return value_of(program, closed_forms(graph, statistics_of(program.tree), steps))


def value_of(program: Program, statistics: Mapping[str, Vector]) -> float:
    """Return the number that a program gives for the statistics of a network, by name. Raises as `score_of` does."""
    known: dict[Tree, Vector] = {}

    def value(node: Tree) -> Vector:
        if isinstance(node, Leaf):
            return statistics[node.statistic]
        if node not in known:
            known[node] = apply(node.operation, *(value(argument) for argument in node.arguments))
        return known[node]

    with np.errstate(all="ignore"):
        found = value(program.tree)
        number = float(REDUCTIONS[program.to_scalar](found))
    if not math.isfinite(number):
        raise ProgramError(not_finite(number))
    return number


def apply(name: str, *arguments: Vector) -> Vector:
    """Return the result of an operation. Raises ProgramError if it does not take vectors of these shapes."""
    try:
        found = FUNCTIONS[name](*arguments)
    except (ValueError, np.linalg.LinAlgError, ProgramError) as error:  # NumPy's for shapes, and for eigenvalues
        shapes = " and ".join(str(x.shape) for x in arguments)
        raise ProgramError(f"{name} of {shapes} is not possible: {reason(error)}") from error
    return np.asarray(found, dtype=np.float32)


def _standardise(x: Vector) -> Vector:
    if x.size < 2 or x.max() == x.min():
        return np.zeros_like(x)
    deviation = x.astype(np.float64).std(ddof=1)  # squares can be too large for single precision, also for torch
    z = (x - x.mean()) / deviation
    return np.where(np.isnan(z), 0, z).astype(np.float32)


def _matmul(x: Vector, y: Vector) -> Vector:
    return np.asarray(x @ y)


def _no_matrix(x: Vector) -> Vector:
    raise ProgramError("it needs square matrices")


def _eig_ratio(x: Vector) -> Vector:
    """The largest eigenvalue of x xᵀ by the smallest, which is 0 if there are several elements."""
    rows = _rows(x)
    if not np.isfinite(rows * rows).all() or not np.isfinite(np.outer(rows, rows)).all():
        raise ProgramError("it needs finite products of rows")
    square = (rows * rows).sum()
    return np.asarray(square / (square if len(rows) == 1 else 0 * square))


def _kl(x: Vector, y: Vector) -> Vector:
    if not x.ndim:
        raise ProgramError("it needs a dimension for the mean")
    logs = np.where(y == 0, np.float32(0), y * np.log(y))
    return np.asarray((logs - y * x).sum() / len(x))


def _cosine(x: Vector, y: Vector) -> Vector:
    return np.asarray((_direction(_rows(x)) * _direction(_rows(y))).sum())


def _direction(x: Vector) -> NDArray[Any]:
    return x / np.where(x == 0, np.float32(1), abs(x))


def _softmax(x: Vector) -> Vector:
    raised = np.exp(x - x.max())
    return np.asarray(raised / raised.sum())


def _hamming(x: Vector, y: Vector) -> Vector:
    return np.asarray(((x > 0).ravel() != (y > 0).ravel()).sum())


def _rows(x: Vector) -> Vector:
    if not x.ndim:
        raise ProgramError("it needs rows")
    return x


FUNCTIONS: dict[str, Function] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "matmul": _matmul,
    "less": lambda x, y: x < y,
    "greater": lambda x, y: x > y,
    "equal": lambda x, y: x == y,
    "log": lambda x: np.log(np.where(x <= 0, np.float32(1), x)),
    "log_abs": lambda x: np.log(np.where(x == 0, np.float32(1), abs(x))),
    "abs": lambda x: abs(x),
    "square": lambda x: x * x,
    "exp": lambda x: np.exp(x),
    "standardise": _standardise,
    "relu": lambda x: np.maximum(x, np.float32(0)),
    "sign": lambda x: np.where(np.isnan(x), np.float32(0), np.sign(x)),
    "heaviside": lambda x: x > 0,
    "inverse": lambda x: np.float32(1) / x,
    "frobenius": lambda x: np.linalg.norm(x.ravel()),
    "det": _no_matrix,
    "logdet": _no_matrix,
    "eig_ratio_symmetric": _eig_ratio,
    "eig_ratio": _eig_ratio,
    "mean": lambda x: x.mean(),
    "mean_abs": lambda x: abs(x).mean(),
    "hamming": _hamming,
    "kl": _kl,
    "cosine": _cosine,
    "softmax": _softmax,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "ones": np.ones_like,
    "zeros": np.zeros_like,
    "positive": lambda x: x > 0,
    "negative": lambda x: x < 0,
    "numel": lambda x: np.asarray(x.size),
}
"""The operations by name."""
REDUCTIONS: dict[ToScalar, Function] = {
    "mean": lambda x: x.mean(),
    "sum": lambda x: x.sum(),
    "l2": lambda x: np.linalg.norm(x.ravel()),
}
"""How the value of a tree becomes a number."""
