"""Folders that users name, and those that are made for them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from zennas.common.errors import WrongSettingError

RUNS = Path("runs")
"""The folder of runs that nobody named."""


def new_folder(label: str, parent: Path = RUNS) -> Path:
    """Return the path of a folder in `parent` that does not exist yet, named after label, date and time."""
    stem = f"{label}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder, number = parent / stem, 2
    while folder.exists():
        folder, number = parent / f"{stem}-{number}", number + 1
    return folder


def named_folder(given: str | Path | None) -> Path | None:
    """Return the folder that a user has named, or None. Raises WrongSettingError if it is empty or no path."""
    if given is None:
        return None
    if not isinstance(given, (str, os.PathLike)):
        raise WrongSettingError(f"the folder is {given!r}, expected a path, or None for a new one in runs/")
    if str(given) == "":
        raise WrongSettingError("the folder is empty, expected a path, or None for a new one in runs/")
    return Path(given)


def run_folder(given: str | Path) -> Path:
    """Return the folder of an existing run. Raises WrongSettingError if it is no path."""
    found = named_folder(given)
    if found is None:
        raise WrongSettingError("the folder is None, expected that of a run")
    return found
