"""Atomic writes: a file is written completely or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically: readers see the old file or the complete new one.

    Missing folders are created. Raises OSError if the file cannot be written.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` under a temporary name, then rename: a reader sees the old file or the new one."""
    with draft_beside(path) as (file, draft):
        file.write(content)
        file.close()
        publish(draft, path)


@contextmanager
def draft_beside(path: Path, buffering: int = -1) -> Iterator[tuple[IO[bytes], Path]]:
    """A new file in the folder of `path`, and its hidden name. It is deleted in the end unless `publish` renames it.

    The folder is created if necessary. buffering: as for `open`. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb", buffering=buffering) as file:
            yield file, draft
    finally:
        draft.unlink(missing_ok=True)


def publish(draft: Path, path: Path) -> None:
    """Give a finished draft its final name, and make it readable for everybody. Raises OSError."""
    draft.chmod(0o644)
    draft.replace(path)
