"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def check_writable(folder: Path) -> None:
    """See that `folder` can be made and written to, leaving nothing behind. Raises OSError that says which it is."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove(made)
        raise OSError(f"cannot make the folder {folder}: {error.strerror}") from None
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"{folder} cannot be written to: {error.strerror}") from None
    finally:
        _remove(made)


def _remove(folders: list[Path]) -> None:
    """Remove folders that are empty, innermost first."""
    for place in folders:
        with suppress(OSError):
            place.rmdir()


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` under a temporary name, then rename: a reader sees the old file or the new one."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """The same for a file that is no text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
