"""SHA-256 of files of weights: what is known of them is verified each time they are loaded."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from PlainNet.files import write_text

_LINE = re.compile(r"([0-9a-f]{64})(\s.*)?", re.DOTALL)


def sha256_of(path: Path) -> str:
    """In hexadecimal digits. Raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()


def record_of(path: Path) -> Path:
    """Where the hash of the file at `path` is written down, as `sha256sum -c` reads it."""
    return path.with_name(f"{path.name}.sha256")


def record(path: Path, digest: str | None) -> None:
    """Write down the hash of the file at `path`, or that none is known. Raises OSError."""
    if digest is None:
        record_of(path).unlink(missing_ok=True)
    else:
        write_text(record_of(path), f"{digest}  {path.name}\n")


def recorded(path: Path) -> str | None:
    """The hash that was written down for `path`; None where none was. Raises ValueError, OSError."""
    try:
        text = record_of(path).read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    found = _LINE.fullmatch(text)
    if found is None:
        raise ValueError(f"{record_of(path)} has no SHA-256")
    return found[1]
