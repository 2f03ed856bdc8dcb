"""The shapes of results of operations, from those of one unit's arguments. This file does not import torch.

Each function raises ProgramError, with the reason, for shapes that its operations do not take.
"""

from __future__ import annotations

import math

from ZeroShotProxy.programs.errors import ProgramError
from ZeroShotProxy.programs.shapes import Dims


def same(x: Dims) -> Dims:
    return x


def number(x: Dims) -> Dims:
    return ()


def number_of_rows(x: Dims) -> Dims:
    """A number, of a tensor with rows."""
    _check_rows(x)
    return ()


def square(x: Dims) -> Dims:
    """A number for each matrix."""
    if len(x) < 2 or x[-1] != x[-2]:
        raise ProgramError("it needs square matrices")
    return x[:-2]


def broadcast(x: Dims, y: Dims) -> Dims:
    """As torch does it: dimensions from the last on are equal, or one of them is 1."""
    if x == y:
        return x
    longer, shorter = (x, y) if len(x) >= len(y) else (y, x)
    ahead = len(longer) - len(shorter)
    found = list(longer[:ahead])
    for a, b in zip(longer[ahead:], shorter, strict=True):
        if a != b and 1 not in (a, b):
            raise ProgramError("their shapes do not go together")
        found.append(b if a == 1 else a)
    return tuple(found)


def matmul(x: Dims, y: Dims) -> Dims:
    """A vector is a row on the left, and a column on the right."""
    if not x or not y:
        raise ProgramError("it needs vectors or matrices")
    if x[-1] != (y[-2] if len(y) > 1 else y[0]):
        raise ProgramError("rows and columns have different lengths")
    return (*broadcast(x[:-2], y[:-2]), *x[-2:-1], *(y[-1:] if len(y) > 1 else ()))


def elements(x: Dims, y: Dims) -> Dims:
    """A number, of tensors with as many elements as each other, or with one."""
    broadcast((math.prod(x),), (math.prod(y),))
    return ()


def mean_of_rows(x: Dims, y: Dims) -> Dims:
    """A number, of tensors that are broadcast, of which the first has rows."""
    _check_rows(x)
    broadcast(x, y)
    return ()


def rows(x: Dims, y: Dims) -> Dims:
    """A number, of tensors with rows that are broadcast."""
    _check_rows(x)
    _check_rows(y)
    broadcast((x[0], math.prod(x[1:])), (y[0], math.prod(y[1:])))
    return ()


def _check_rows(x: Dims) -> None:
    if not x:
        raise ProgramError("it needs rows")
