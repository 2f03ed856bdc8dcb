"""The files of a search for programs: the names of those in its folder, and how JSON is read.

`running.py`, `from_tables.py` and `cache.py` say what they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PlainNet.errors import reason
from zennas.discovering.errors import CacheError

HEAD, GENERATIONS, RESULT, BEST = "discovery.json", "generations.jsonl", "result.json", "best.toml"
TASKS, STATISTICS = "tasks.json", "statistics"
LARGEST = 64 * 2**20
"""The largest file of JSON, in bytes."""


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file. Raises CacheError if there is none."""
    try:
        if not path.is_file():
            raise damaged(path, "it is not a regular file")
        if path.stat().st_size > LARGEST:
            raise damaged(path, f"it has more than {LARGEST} bytes")
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CacheError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise damaged(path, reason(error)) from None
    if not isinstance(found, dict):
        raise damaged(path, "it is not a JSON object")
    return found


def damaged(path: Path, why: str, remove: Path | None = None) -> CacheError:
    """Return the error for a file that is not what it should be. remove: what has to go; None for the file itself."""
    what = "it" if remove is None else remove.name
    return CacheError(f"{path} is damaged or foreign: {why}; remove {what} and collect again")
