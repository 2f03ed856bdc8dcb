"""Which column of a table has the architectures, and the text of such a file, for tables and for lists."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

from zennas.accuracy.tables.base import TableError

ARCHITECTURE_COLUMNS = ("arch", "arch_str", "architecture", "structure", "notation")


def architecture_column(header: Sequence[str]) -> int | None:
    """The position of the first column whose name is one of `ARCHITECTURE_COLUMNS`; case does not matter."""
    names = [name.strip().casefold() for name in header]
    return next((i for i, name in enumerate(names) if name in ARCHITECTURE_COLUMNS), None)


def table_text(path: Path) -> str:
    """What is in a file, gzip or plain, without a byte-order mark. Raises TableError."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise TableError(f"{path} is not a CSV file, plain or gzip: {error}") from None
    except OSError as error:
        raise TableError(f"table {path} cannot be read: {error.strerror or error}") from None
