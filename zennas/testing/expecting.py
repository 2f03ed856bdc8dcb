"""Assertions with clear messages, which also work under `python -O`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def expect(condition: object, problem: str) -> None:
    """Raises AssertionError with `problem` unless the condition holds."""
    if not condition:
        raise AssertionError(problem)


def expect_equal(found: Any, expected: Any, what: str) -> None:
    """Raises AssertionError naming both values unless they are equal."""
    expect(found == expected, f"{what}: {found!r}, expected {expected!r}")


def expect_near(found: Any, expected: Any, what: str, *, relative: float = 0.0, absolute: float = 0.0) -> None:
    """Raises AssertionError naming both values unless numbers or arrays are equal within a tolerance."""
    same = np.shape(found) == np.shape(expected) and np.allclose(found, expected, rtol=relative, atol=absolute)
    expect(same, f"{what}: {found!r}, expected {expected!r} within {max(relative, absolute):g}")


def expect_refused(kind: type[Exception], does: Callable[[], object], saying: str, what: str) -> None:
    """Raises AssertionError unless `does` raises an error of that kind with a one-line message containing `saying`."""
    try:
        does()
    except kind as error:
        expect(saying in str(error), f"{what} is refused with {str(error)!r}, expected {saying!r} in it")
        expect("\n" not in str(error), f"{what} is refused with a message of several lines: {str(error)!r}")
        return
    raise AssertionError(f"{what} is not refused, expected {kind.__name__}")
