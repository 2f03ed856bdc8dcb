"""Grey images of more than 8 bits: scaled by a range that is stated, or refused by name."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zennas.data import CorruptImageError, DataError, open_set
from zennas.data.base import Decoding, UnknownRangeError
from zennas.data.decoding import decoded

from .conftest import archive

SHADES = np.linspace(0, 1, 64).reshape(8, 8)


def file(values: np.ndarray[Any, Any], kind: str) -> bytes:
    content = io.BytesIO()
    Image.fromarray(values).save(content, format=kind)
    return content.getvalue()


@pytest.mark.parametrize(
    ("dtype", "kind", "white"),
    [
        (np.uint16, "PNG", 1023),
        (np.uint16, "PNG", 4095),
        (np.uint16, "TIFF", 4095),
        (np.uint16, "TIFF", 65535),
        (np.int32, "TIFF", 255),
        (np.int32, "TIFF", 100_000),
        (np.int32, "TIFF", 2**31 - 1),
        (np.float32, "TIFF", 1.0),
        (np.float32, "TIFF", 255.0),
        (np.float32, "TIFF", 0.001),
    ],
)
def test_white_is_white_and_black_is_black(dtype: type, kind: str, white: float) -> None:
    values = (SHADES * white).astype(dtype)
    content = file(values, kind)
    image = decoded(io.BytesIO(content), Decoding(white))
    assert image.shape == (3, 8, 8)
    assert np.abs(image[0].numpy().astype(int) - 255 * SHADES).max() <= 1
    with pytest.raises(UnknownRangeError, match=r"grey values from 0 to .*such as --white \d.*convert.* to 8 bits"):
        decoded(io.BytesIO(content))
    with pytest.raises(CorruptImageError, match=r"grey values from 0 to .* expected 0 to"):
        decoded(io.BytesIO(content), Decoding(white / 2))


def test_bits_are_cut_off() -> None:
    shades = np.arange(0, 2**16, 2**10, dtype=np.uint16).reshape(8, 8)
    for bits in (10, 12, 16):
        values = shades >> (16 - bits)
        image = decoded(io.BytesIO(file(values, "PNG")), Decoding(2**bits - 1))
        assert np.array_equal(image[1].numpy(), (shades >> 8).astype(np.uint8))


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5])
def test_values_that_are_no_shades(value: float) -> None:
    values = SHADES.astype(np.float32)
    values[3, 3] = value
    with pytest.raises(CorruptImageError, match="grey values"):
        decoded(io.BytesIO(file(values, "TIFF")), Decoding(1.0))


@pytest.mark.parametrize("white", [0, -1.0, np.nan, np.inf, True, "1"])
def test_whites_that_are_none(white: Any) -> None:
    with pytest.raises(DataError, match="expected a number"):
        Decoding(white)


def test_a_pgm_says_what_is_white() -> None:
    for most in (255, 1023, 65535):
        values = (SHADES * most).astype(">u2" if most > 255 else np.uint8)
        image = decoded(io.BytesIO(f"P5 8 8 {most}\n".encode() + values.tobytes()))
        assert np.abs(image[0].numpy().astype(int) - 255 * SHADES).max() <= 1


def test_a_pgm_of_16_bits_need_not_use_them() -> None:
    """Programs write 65535 into the file whatever the sensor has, so dark images are refused, as in a PNG."""
    for most in (255, 1023, 4095):
        values = (SHADES * most).astype(">u2")
        numbers = " ".join(map(str, values.ravel())).encode()
        for content in (b"P5 8 8 65535\n" + values.tobytes(), b"P2 8 8 65535\n" + numbers):
            with pytest.raises(UnknownRangeError, match=rf"grey values from 0 to {most}: .*such as --white \d"):
                decoded(io.BytesIO(content))
            image = decoded(io.BytesIO(content), Decoding(most))
            assert np.abs(image[0].numpy().astype(int) - 255 * SHADES).max() <= 1
            assert decoded(io.BytesIO(content), Decoding(65535)).max() < 16
        colour = b"P6 8 8 65535\n" + np.repeat(values[..., None], 3, axis=2).tobytes()
        with pytest.raises(UnknownRangeError, match="colours of 16 bits"):
            decoded(io.BytesIO(colour))


def test_no_white_is_suggested_where_none_would_help() -> None:
    values = (2 * SHADES - 1).astype(np.float32)
    with pytest.raises(UnknownRangeError, match=r"grey values from -1 to 1: convert the images to 8 bits$"):
        decoded(io.BytesIO(file(values, "TIFF")))


def test_eight_bits_need_no_white() -> None:
    content = file((255 * SHADES).astype(np.uint8), "PNG")
    assert decoded(io.BytesIO(content), Decoding(4095)).equal(decoded(io.BytesIO(content)))


def colours(values: np.ndarray[Any, Any]) -> bytes:
    """A PNG file with colours of 16 bits, which PIL reads but does not write."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_dark_colours_of_16_bits_are_refused() -> None:
    """PIL keeps the upper 8 bits, which are black if only 12 are used."""
    full = np.repeat(SHADES[..., None], 3, axis=2)
    bright = decoded(io.BytesIO(colours(full * 65535)))
    assert np.abs(bright[0].numpy().astype(int) - 255 * SHADES).max() <= 1
    with pytest.raises(UnknownRangeError, match=r"colours of 16 bits with values below 4,096: convert"):
        decoded(io.BytesIO(colours(full * 4095)))
    assert decoded(io.BytesIO(colours(full * 4095)), Decoding(65535)).max() == 15


@pytest.mark.parametrize("side", [8, 100])
def test_they_are_refused_before_a_training(tmp_path: Path, side: int) -> None:
    values = np.zeros((side, side), np.uint16)
    values[2:] = 4000
    for part in ("train", "val"):
        (tmp_path / part / "cat").mkdir(parents=True)
        (tmp_path / part / "cat" / "scan.png").write_bytes(file(values, "PNG"))
    packed = archive(tmp_path / "scans.npz", [file(values, "PNG")] * 4)
    for place in (tmp_path / ".", packed):
        name = str(place if place == packed else tmp_path)
        if place != packed:
            packed.unlink()
        else:
            archive(packed, [file(values, "PNG")] * 4)
        with pytest.raises(UnknownRangeError, match=r"(scan\.png|image 0 of .*) cannot be .*--white 4095"):
            open_set(name, "train")
        assert int(open_set(name, "train", decoding=Decoding(4095)).read(0).max()) == 250
