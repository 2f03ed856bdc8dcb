"""The error of supernets, and what reading a damaged file raises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zennas.common.errors import ZennasError


class SupernetError(ZennasError, ValueError):
    """Choices do not fit together, a cost is not known for a candidate, or a file belongs to another space."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise SupernetError, with the file, for what a damaged one raises inside; a missing one is the caller's."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise SupernetError(f"{path} cannot be read: {why}") from None
