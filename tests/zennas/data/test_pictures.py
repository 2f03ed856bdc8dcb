"""Single pictures: every kind that is read, and those that are corrupt."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zennas.data import (
    CorruptImageError,
    open_set,
)

from .conftest import picture


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("grey.png", picture(0, mode="L", kind="PNG")),
        ("black_and_white.png", picture(0, mode="1", kind="PNG")),
        ("transparent.png", picture(0, mode="RGBA", kind="PNG")),
        ("palette.png", picture(0, mode="P", kind="PNG")),
        ("transparent_palette.png", picture(0, mode="P", kind="PNG", transparency=bytes([0, 128, 255]))),
        ("print.jpg", picture(0, mode="CMYK")),
        ("print.tiff", picture(0, mode="CMYK", kind="TIFF")),
        ("pure.bmp", picture(0, kind="BMP")),
        ("new.webp", picture(0, mode="RGBA", kind="WEBP")),
        ("line.ppm", picture(0, 1, 300, kind="PPM")),
        ("dot.png", picture(0, 1, 1, kind="PNG")),
        ("UPPER.JPEG", picture(0)),
        ("ünïcödé 图片.jpg", picture(0)),
        ("misnamed.jpg", picture(0, kind="PNG")),
    ],
)
def test_kinds_of_pictures(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / "val" / "cat").mkdir(parents=True)
    (tmp_path / "val" / "cat" / name).write_bytes(content)
    image = open_set(str(tmp_path), "test").read(0)
    assert image.shape[0] == 3
    assert image.dtype == torch.uint8
    expected = np.asarray(Image.open(tmp_path / "val" / "cat" / name).convert("RGBA").convert("RGB"))
    assert np.array_equal(image.permute(1, 2, 0).numpy(), expected) or name == "black_and_white.png"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a known image format"),
        (b"GIF89a", "cannot be read as an image"),
        (b"\xff\xd8\xff\xe0 no more", "Truncated File Read"),
        (picture(0, 90, 90)[:400], "Truncated File Read"),
        (picture(0, 90, 90)[:-300], "truncated"),
        (picture(0, 90, 90, kind="PNG")[:200], "truncated"),
        (picture(0, kind="PNG")[:16] + bytes(17), "cannot be read as an image"),
        # a header that claims 60,000 by 60,000 pixels
        (b"BM" + bytes(8) + b"\x36\0\0\0\x28\0\0\0" + b"\x60\xea\0\0" * 2 + b"\1\0\x18\0" + bytes(99), "exceeds limit"),
    ],
)
def test_corrupt_pictures_are_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "val" / "cat").mkdir(parents=True)
    (tmp_path / "val" / "cat" / "broken.png").write_bytes(content)
    found = open_set(str(tmp_path), "test")
    with pytest.raises(CorruptImageError, match=says) as caught:
        found.read(0)
    assert str(caught.value).startswith(f"{tmp_path}/val/cat/broken.png cannot be read as an image: ")
    assert "\n" not in str(caught.value)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "val" / "cat").mkdir(parents=True)
    with open(os.path.join(os.fsencode(tmp_path), b"val", b"cat", b"\xff\xfe.jpg"), "wb") as file:
        file.write(picture(0))
    found = open_set(str(tmp_path), "test")
    assert len(found) == 1
    assert found.read(0).shape == (3, 12, 12)
    assert found.fingerprint == open_set(str(tmp_path), "test").fingerprint
