"""Results for the arguments that a function was called with last, which are known by their identity.

A network is lowered once, and then costs, RAM, flash, rules and scores each ask for the same things of the same graph.
Comparing or hashing a graph of a thousand operations takes longer than looking at its address.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

A = TypeVar("A")
R = TypeVar("R")

REMEMBERED = 4


def for_the_latest(function: Callable[[A], R]) -> Callable[[A], R]:
    """Return a function of one immutable argument that remembers its latest results."""
    known: deque[tuple[A, R]] = deque(maxlen=REMEMBERED)

    @wraps(function)
    def remembering(argument: A) -> R:
        for other, result in tuple(known):
            if other is argument:
                return result
        result = function(argument)
        known.append((argument, result))
        return result

    return remembering
