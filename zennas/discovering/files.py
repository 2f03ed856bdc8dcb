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
FINALISTS = "finalists.json"
TASKS, STATISTICS = "tasks.json", "statistics"
LARGEST = 64 * 2**20
"""The largest file of JSON, in bytes."""


COLLECT, CONTINUE, ANEW = "remove it and collect again", "remove it and continue", "search again in another folder"
"""Ways out of a damaged file."""


def read_json(path: Path, way_out: str = COLLECT) -> dict[str, Any]:
    """Return the object in a file. way_out: what helps if it is damaged. Raises CacheError if there is none."""
    try:
        if not path.is_file():
            raise damaged(path, "it is not a regular file", way_out)
        if path.stat().st_size > LARGEST:
            raise damaged(path, f"it has more than {LARGEST} bytes", way_out)
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CacheError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise damaged(path, reason(error), way_out) from None
    if not isinstance(found, dict):
        raise damaged(path, "it is not a JSON object", way_out)
    return found


def damaged(path: Path, why: str, way_out: str = COLLECT) -> CacheError:
    """Return the error for a file that is not what it should be."""
    return CacheError(f"{path} is damaged or foreign: {why}; {way_out}")
