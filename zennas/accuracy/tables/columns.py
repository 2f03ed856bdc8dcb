"""Reading the text of a table, and finding its column of architectures."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

from PlainNet.files import read_named
from zennas.accuracy.tables.base import TableError

ARCHITECTURE_COLUMNS = ("arch", "arch_str", "architecture", "structure", "notation", "genotype")


def architecture_column(header: Sequence[str]) -> int | None:
    """Return the index of the first column named in `ARCHITECTURE_COLUMNS`, ignoring case, or None."""
    names = [name.strip().casefold() for name in header]
    return next((i for i, name in enumerate(names) if name in ARCHITECTURE_COLUMNS), None)


def table_text(path: Path) -> str:
    """Return the text of a file, plain or gzip, without a byte-order mark. Raises TableError if it cannot be read."""
    try:
        content = read_named(path)
        if content[:1] == b"\x80" and content[1:2] <= b"\x05":
            raise TableError(
                f"{path} is a pickle, which can run code when it is opened: expected a CSV file, plain or gzip, or the "
                "benchmark's own files"
            )
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise TableError(f"{path} is not a CSV file, plain or gzip: {error}") from None
    except OSError as error:
        raise TableError(f"table {path} cannot be read: {error.strerror or error}") from None
