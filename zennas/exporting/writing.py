"""Writing an exported file together with its sidecar."""

from __future__ import annotations

from pathlib import Path

from PlainNet.files import behind_links, draft_beside, is_regular, publish
from zennas.exporting.errors import WrongPlaceError


def sidecar_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def check_free(path: Path, overwrite: bool) -> None:
    """Raises WrongPlaceError if the file or its sidecar is a folder, a device or a pipe, or exists and must not be
    overwritten.
    """
    if path.is_dir():  # such as ".", which has no name
        raise WrongPlaceError(f"{path} is a folder, expected a file: choose another name with --out")
    for place in (path, sidecar_of(path)):
        if place.is_dir():
            raise WrongPlaceError(f"{place} is a folder, expected a file: choose another name with --out")
        if not is_regular(place):
            raise WrongPlaceError(
                f"{place} is not a regular file, which an export needs: choose another name with --out"
            )
        if place.exists() and not overwrite:
            raise WrongPlaceError(f"{place} already exists: replace it with --overwrite, or choose another with --out")


def write_both(path: Path, content: bytes, sidecar: str) -> None:
    """Write a file and its sidecar, both or neither.

    Both are complete before the first gets its name, and a sidecar is never next to the content of another file. Links
    are followed.
    Raises OSError if one cannot be written.
    """
    path, beside = behind_links(path), behind_links(sidecar_of(path))
    with draft_beside(path) as (file, draft):
        file.write(content)
        file.close()
        with draft_beside(beside) as (side_file, side_draft):
            side_file.write(sidecar.encode())
            side_file.close()
            beside.unlink(missing_ok=True)
            publish(draft, path)
            publish(side_draft, beside)
