"""What can go wrong with the file of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PlainNet.lock import FolderInUseError
from zennas.common.errors import SettingsError, ZennasError
from zennas.runs.schema import SEARCH


class StoreError(ZennasError, RuntimeError):
    """A run is missing, exists already, is in use, or cannot be read or written."""


class RunInUseError(StoreError, FolderInUseError):
    """The run is in use by another process."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors of code that interprets what the file at `path` contains into StoreErrors: the file is damaged."""
    try:
        yield
    except (SettingsError, StoreError):
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        what = " ".join(str(error).split())[:200]
        raise StoreError(f"{path} is damaged: {type(error).__name__}: {what}") from None


def write_failure(path: Path, error: Exception, kind: str = SEARCH) -> StoreError:
    """Return the error to raise if a file of a run cannot be written: what happened, and how to continue."""
    what = getattr(error, "strerror", None) or error
    again = f"free some space, then continue with: zennas {kind} --resume {path.parent}"
    return StoreError(f"{path} cannot be written to: {what}; {again}")
