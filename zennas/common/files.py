"""Checks of the places that results are written to. `PlainNet/files.py` writes them."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path


def check_writable(folder: Path) -> None:
    """Check that `folder` can be created and written to; leaves no files. Raises OSError naming the folder if not."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remove_empty(made)
        raise OSError(f"cannot create the folder {folder}: {error.strerror}") from None
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"{folder} cannot be written to: {error.strerror}") from None
    finally:
        remove_empty(made)


def remove_empty(folders: list[Path]) -> None:
    """Remove folders that are empty, innermost first."""
    for place in folders:
        with suppress(OSError):
            place.rmdir()
