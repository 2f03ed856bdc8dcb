"""Where results may be written. `PlainNet/files.py` writes them."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path


def check_writable(folder: Path) -> None:
    """See that `folder` can be made and written to, leaving nothing behind. Raises OSError that says which it is."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remove_empty(made)
        raise OSError(f"cannot make the folder {folder}: {error.strerror}") from None
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
