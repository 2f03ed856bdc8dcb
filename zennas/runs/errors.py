"""What can go wrong with the file of a run."""

from __future__ import annotations

from pathlib import Path

from zennas.common.errors import ZennasError
from zennas.runs.schema import SEARCH


class StoreError(ZennasError, RuntimeError):
    """A run is missing, exists already, is in use, or cannot be read or written."""


class RunInUseError(StoreError):
    """The run is in use by another process."""


def write_failure(path: Path, error: Exception, kind: str = SEARCH) -> StoreError:
    """Return the error to raise if a file of a run cannot be written: what happened, and how to continue."""
    what = getattr(error, "strerror", None) or error
    again = f"free some space, then continue with: zennas {kind} --resume {path.parent}"
    return StoreError(f"{path} cannot be written to: {what}; {again}")
