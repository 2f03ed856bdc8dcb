"""A lock that allows one training at a time in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PlainNet.lock import locked
from zennas.common.files import check_writable
from zennas.runs.store import take_lock
from zennas.training.recipe import TrainingError


@contextmanager
def held(folder: Path, leads: bool) -> Iterator[None]:
    """Create `folder` and lock it for this training; on exit, remove it if nothing was written to it.

    leads: whether this process takes the lock; one process of a training does. Raises TrainingError if the folder
    cannot be written to, RunInUseError if another training has locked it.
    """
    try:
        check_writable(folder)
    except OSError as error:
        raise TrainingError(str(error)) from None
    if not leads:
        yield
        return
    with locked(folder, "the training", take_lock):
        yield
