"""Writing an exported file together with its sidecar."""

from __future__ import annotations

from pathlib import Path

from PlainNet.files import draft_beside, publish
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

    Both are complete before the first gets its name, and a sidecar is never next to the content of another file.
    Raises OSError if one cannot be written.
    """
    beside = sidecar_of(path)
    with draft_beside(path) as (file, draft), draft_beside(beside) as (side_file, side_draft):
        for open_file, data in ((file, content), (side_file, sidecar.encode())):
            open_file.write(data)
            open_file.close()
        beside.unlink(missing_ok=True)
        publish(draft, path)
        publish(side_draft, beside)
