"""SHA-256 hashes of files of weights, which are verified each time a file is loaded."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from PlainNet.files import write_text

_LINE = re.compile(r"([0-9a-f]{64})(\s.*)?", re.DOTALL)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits. Raises OSError if the file cannot be read."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()


def record_of(path: Path) -> Path:
    """Return the path of the file that stores the hash of `path`, in the format of `sha256sum -c`."""
    return path.with_name(f"{path.name}.sha256")


def record(path: Path, digest: str | None) -> None:
    """Store the hash of the file `path`, or delete the stored hash if `digest` is None. Raises OSError on failure."""
    if digest is None:
        record_of(path).unlink(missing_ok=True)
    else:
        write_text(record_of(path), f"{digest}  {path.name}\n")


def recorded(path: Path) -> str | None:
    """Return the stored hash of `path`, or None if there is none.

    Raises ValueError if the file with the hash is not valid, and OSError if it cannot be read.
    """
    try:
        text = record_of(path).read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    found = _LINE.fullmatch(text)
    if found is None:
        raise ValueError(f"{record_of(path)} does not contain a SHA-256")
    return found[1]
