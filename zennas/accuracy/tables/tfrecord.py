"""TFRecord files, TensorFlow's format for a sequence of records, read as a stream and without TensorFlow. No torch.

A record is its length as 8 bytes, a checksum of these, its content, and a checksum of the content, all little-endian.
The checksums are CRC32C (RFC 3720, appendix B.4), rotated and shifted ("masked"), as in
tensorflow/core/lib/io/record_writer.h. All of them are checked: those of the contents for many records at once, since
a loop over bytes in Python would take minutes for a file of gigabytes.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from zennas.accuracy.tables.base import TableError

MAX_RECORD = 1 << 16
"""Bytes of the longest record; those of the tables that are read have some hundreds."""
_AT_ONCE = 4096
"""Records whose checksums are computed together."""
_MOST_BYTES = 1 << 22
"""Bytes of the records that are computed together, filled up to the length of the longest."""
_ONES = 0xFFFFFFFF
_POLYNOMIAL = 0x82F63B78  # Castagnoli's, with its bits reversed


def _byte_table() -> NDArray[np.uint32]:
    """The checksum of every byte, (256,)."""
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, (values >> 1) ^ np.uint32(_POLYNOMIAL), values >> 1).astype(np.uint32)
    return values


_TABLE = _byte_table()
_TABLE_ROW = [int(value) for value in _TABLE]


def crc32c(content: bytes) -> int:
    """Return the CRC32C of a few bytes."""
    state = _ONES
    for byte in content:
        state = _TABLE_ROW[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state ^ _ONES


def crc32c_of(contents: list[bytes]) -> NDArray[np.uint32]:
    """Return the CRC32C of each content, (n,).

    The checksum that starts from zero does not see zeros in front, so that contents are filled up to equal lengths
    there; what the usual start of ones adds depends only on the length.
    """
    longest = max(map(len, contents), default=0)
    filled = b"".join(content.rjust(longest, b"\0") for content in contents)
    columns = np.ascontiguousarray(np.frombuffer(filled, dtype=np.uint8).reshape(len(contents), longest).T)
    starts: NDArray[np.uint32] = _starts(longest)[[len(content) for content in contents]]
    state = np.zeros(len(contents), dtype=np.uint32)
    for column in columns:
        state = _TABLE[(state ^ column) & 0xFF] ^ (state >> 8)
    checksums: NDArray[np.uint32] = state ^ starts ^ np.uint32(_ONES)
    return checksums


@lru_cache(maxsize=8)
def _starts(longest: int) -> NDArray[np.uint32]:
    """What the start of ones becomes after 0 to `longest` bytes of zeros, (longest + 1,)."""
    found = [_ONES]
    for _ in range(longest):
        found.append(_TABLE_ROW[found[-1] & 0xFF] ^ (found[-1] >> 8))
    return np.array(found, dtype=np.uint32)


def masked(checksum: int) -> int:
    """Return a checksum as these files store it."""
    return (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) & _ONES


@lru_cache(maxsize=MAX_RECORD)
def _masked_of_length(length: bytes) -> int:
    return masked(crc32c(length))


def read_records(path: Path) -> Iterator[bytes]:
    """Yield the records of a file, plain or gzip, in order; at most some megabytes are in memory at a time.

    Raises TableError, which numbers the record from 1, if the file cannot be read, is not a TFRecord file, is cut
    short, or if a checksum is wrong.
    """
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            if packed:
                with gzip.open(plain) as file:
                    yield from _checked(path, cast(BinaryIO, file))
            else:
                yield from _checked(path, plain)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TableError(f"{path} is damaged, its compression cannot be undone: {error}") from None
    except OSError as error:
        raise TableError(f"table {path} cannot be read: {error.strerror or error}") from None


def _checked(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Yield the records, once their checksums are found right."""
    contents: list[bytes] = []
    stored: list[int] = []
    begun = longest = 0
    for content, checksum in _framed(path, file):
        contents.append(content)
        stored.append(checksum)
        longest = max(longest, len(content))
        if len(contents) == _AT_ONCE or longest * len(contents) > _MOST_BYTES:
            yield from _right(path, contents, stored, begun)
            begun += len(contents)
            contents, stored, longest = [], [], 0
    if contents:
        yield from _right(path, contents, stored, begun)


def _right(path: Path, contents: list[bytes], stored: list[int], begun: int) -> list[bytes]:
    found = crc32c_of(contents)
    right = ((found >> 15) | (found << 17)) + np.uint32(0xA282EAD8) == np.array(stored, dtype=np.uint32)
    if not right.all():
        raise TableError(
            f"{path}, record {begun + int(np.argmin(right)) + 1:,}: its checksum is wrong, the file is damaged"
        )
    return contents


def _framed(path: Path, file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield each content with its stored checksum; only the checksums of the lengths are checked here."""
    number = 0
    while head := file.read(12):
        number += 1
        right = len(head) == 12 and _masked_of_length(head[:8]) == struct.unpack("<I", head[8:])[0]
        if number == 1 and not right:
            raise TableError(f"{path} is not a TFRecord file, as its first bytes are not the length of a record")
        if len(head) < 12:
            raise _cut(path, number)
        if not right:
            raise TableError(f"{path}, record {number:,}: the checksum of its length is wrong, the file is damaged")
        (length,) = struct.unpack("<Q", head[:8])
        if length > MAX_RECORD:
            raise TableError(f"{path}, record {number:,} has {length:,} bytes, expected at most {MAX_RECORD:,}")
        body = file.read(length + 4)
        if len(body) < length + 4:
            raise _cut(path, number)
        yield body[:length], struct.unpack("<I", body[length:])[0]


def _cut(path: Path, number: int) -> TableError:
    return TableError(f"{path} ends within record {number:,}: download it again")
