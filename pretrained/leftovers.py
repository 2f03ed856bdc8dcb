"""What a killed process left in the user's zoo: drafts of new models, and models that were being replaced or removed.

A process locks its draft, so that others know that it is in use. A lock ends with its process.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DRAFT, OLD, REMOVED = ".draft", ".old", ".removed"
"""Ends of hidden names: a new model, one that is being replaced in two steps, and one that is being removed."""
_LEFT = re.compile(r"\.(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*?)(?:\.[a-z0-9_]{8})?(?P<end>\.draft|\.old|\.removed)")


@contextmanager
def draft_of(name: str, zoo: Path) -> Iterator[Path]:
    """An empty folder for the model `name`, which is locked, and deleted in the end if it is still there."""
    while True:
        draft = Path(tempfile.mkdtemp(dir=zoo, prefix=f".{name}.", suffix=DRAFT))
        with _locked(draft) as alone:
            if not draft.is_dir():  # swept before it was locked
                continue
            assert alone is not False
            try:
                yield draft
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return


@contextmanager
def old_of(draft: Path, target: Path) -> Iterator[Path]:
    """A hidden name for the model in `target` while `draft` replaces it; the model is locked."""
    with _locked(target):
        yield draft.with_name(draft.name.removesuffix(DRAFT) + OLD)


def removed_of(target: Path) -> Path:
    """Return the hidden name of a model that is being removed."""
    return target.with_name(f".{target.name}{REMOVED}")


def tidy(zoo: Path, found: list[str]) -> bool:
    """Put back models that a killed process was replacing, and delete its drafts; return whether anything changed.

    found: the names in the folder `zoo`. What a living process uses, or what cannot be changed here, stays as it is.
    """
    changed = False
    for name in found:
        left = _LEFT.fullmatch(name)
        if left is None:
            continue
        place, target = zoo / name, zoo / left["name"]
        with suppress(OSError), _locked(place) as alone:
            if left["end"] == OLD and alone is not False and not os.path.lexists(target):
                os.rename(place, target)
            elif alone:
                discard(place)
            else:
                continue
            changed = True
    return changed


def discard(place: Path) -> None:
    """Delete a folder or a link to one, if it exists."""
    if place.is_symlink():
        place.unlink()
        return
    with suppress(FileNotFoundError):
        shutil.rmtree(place)


@contextmanager
def _locked(folder: Path) -> Iterator[bool | None]:
    """Lock a folder if possible: True if it is locked, False if another process has it, None without such locks."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except (ImportError, OSError):
        yield True if folder.is_symlink() else None
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone: bool | None = True
        except BlockingIOError:
            alone = False
        except OSError:
            alone = None
        yield alone
    finally:
        os.close(handle)
