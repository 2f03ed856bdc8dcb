"""Writing an exported file together with its sidecar."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from zennas.exporting.base import ExportError


def sidecar_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def check_free(path: Path, overwrite: bool) -> None:
    """Raises ExportError if the file or its sidecar is a folder, or exists and must not be overwritten."""
    for place in (path, sidecar_of(path)):
        if place.is_dir():
            raise ExportError(f"{place} is a folder, expected a file: choose another name with --out")
        if place.exists() and not overwrite:
            raise ExportError(f"{place} already exists: replace it with --overwrite, or choose another with --out")


def write_both(path: Path, content: bytes, sidecar: str) -> None:
    """Write a file and its sidecar, both or neither.

    Both are complete before the first gets its name, and a sidecar never stands next to the content of another file.
    Raises OSError if one cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = sidecar_of(path)
    drafts: list[str] = []
    try:
        for place, data in ((path, content), (beside, sidecar.encode())):
            handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{place.name[:100]}.")
            drafts.append(draft)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(draft, 0o644)
        beside.unlink(missing_ok=True)
        os.replace(drafts[0], path)
        os.replace(drafts[1], beside)
    except BaseException:
        for draft in drafts:
            Path(draft).unlink(missing_ok=True)
        raise
