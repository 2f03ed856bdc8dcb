"""Names of files of weights: FILE, or FILE#NAME for one of several state dicts in the file."""

from __future__ import annotations

import os
from pathlib import Path

SEPARATOR = "#"
"""Between the file and the name of a state dict in it."""


def split_path(path: Path) -> tuple[Path, str | None]:
    """Return the file and the name after the last "#", or None if there is none or a file has the whole name."""
    file, found, name = str(path).rpartition(SEPARATOR)
    if not found or not file or not name or os.path.lexists(path):
        return path, None
    return Path(file), name


def is_weights_file(path: Path) -> bool:
    """Whether the file exists and is a regular file."""
    return split_path(path)[0].is_file()
