"""The settings of a search that is continued, from the files in its folder. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zennas.common.config import SETTINGS_FILE, read_config
from zennas.supernet.errors import SupernetError
from zennas.supernet.job import SearchJob, SearchOptions


def settings_in(folder: Path) -> dict[str, Any]:
    """Return the settings of the search in `folder`. Raises SupernetError if there is none, ConfigError if damaged."""
    path = folder / SETTINGS_FILE
    if not path.is_file():
        raise SupernetError(f"{folder} contains no search to continue ({SETTINGS_FILE})")
    return read_config(path, SearchJob, SearchOptions)
