"""Archives that claim more than they contain, or unfold to more than the file merits."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import format as npy

from zennas.data import DataError
from zennas.data.npz import FREE, read_arrays

from .conftest import archive, picture, refused


def member(shape: tuple[int, ...], content: bytes = b"", descr: str = "|u1") -> bytes:
    """An .npy file whose header claims that shape."""
    made = io.BytesIO()
    npy.write_array_header_1_0(made, {"descr": descr, "fortran_order": False, "shape": shape})
    return made.getvalue() + content


def replaced(path: Path, name: str, content: bytes, how: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path) as found:
        members = {one: found.read(one) for one in found.namelist()}
    with zipfile.ZipFile(path, "w", how) as made:
        for one, old in members.items():
            made.writestr(one, content if one == f"{name}.npy" else old)
    return path


@pytest.mark.parametrize("name", ["jpeg", "offsets", "labels", "classes"])
@pytest.mark.parametrize("shape", [(10**13,), (2**62, 8), (10**5, 10**5, 10**5)])
def test_claims_are_not_believed(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    path = archive(tmp_path / "mine.npz", [picture(i) for i in range(4)], classes=np.array(["a", "b"]))
    replaced(path, name, member(shape, bytes(100)))
    tracemalloc.start()
    said = refused(path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    assert said.startswith(f"{name} in {path} has ")
    assert "bytes according to its header, but " in said


def test_what_unfolds_too_far_is_refused(tmp_path: Path) -> None:
    """130 MB of zeros in a file of 130 kB."""
    path = archive(tmp_path / "mine.npz", [picture(i) for i in range(4)])
    replaced(path, "jpeg", member((2 * FREE,), bytes(2 * FREE)), zipfile.ZIP_DEFLATED)
    assert f"jpeg in {path} has 134,217,728 bytes according to its header" in refused(path)
    assert path.stat().st_size < 2**20


def test_what_compresses_well_is_read(tmp_path: Path) -> None:
    files = [picture(i) for i in range(3000)]
    labels = np.zeros(3000, np.int64)
    path = archive(tmp_path / "mine.npz", files, labels=labels)
    with zipfile.ZipFile(path) as found:
        members = {one: found.read(one) for one in found.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for one, content in members.items():
            made.writestr(one, content)
    found_arrays = read_arrays(path, ("jpeg", "offsets", "labels"))
    assert np.array_equal(found_arrays["labels"], labels)
    assert found_arrays["jpeg"].tobytes() == b"".join(files)


@pytest.mark.parametrize("seed", range(40))
def test_damage_anywhere_is_one_line(tmp_path: Path, seed: int) -> None:
    """Bytes of a valid archive are changed; it is then read as it is, or refused in one line."""
    rng = np.random.default_rng(seed)
    path = archive(tmp_path / "mine.npz", [picture(i) for i in range(4)])
    content = bytearray(path.read_bytes())
    for _ in range(rng.integers(1, 20)):
        content[rng.integers(len(content))] = rng.integers(256)
    path.write_bytes(bytes(content))
    try:
        read_arrays(path, ("jpeg", "offsets", "labels"), ("classes",))
    except DataError as error:
        assert "\n" not in str(error)  # either is right


@pytest.mark.parametrize(
    "content",
    [
        member((-1,)),
        member((4,), b"", "|O"),
        b"\x93NUMPY\x01\x00" + struct.pack("<H", 65535),
        b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1),
        b"\x93NUMPY\x09\x00",
        b"",
    ],
)
def test_headers_that_are_none(tmp_path: Path, content: Any) -> None:
    path = archive(tmp_path / "mine.npz", [picture(i) for i in range(4)])
    said = refused(replaced(path, "labels", content))
    assert str(path) in said
