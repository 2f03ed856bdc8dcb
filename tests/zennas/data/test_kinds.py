"""The images decide how they are prepared: not the container, and not one odd image among those for testing."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from zennas.data import ImageSet, Normalisation, normalisation_of, open_any, open_set
from zennas.data.base import Decoding, Shown
from zennas.data.decoding import MOST_PIXELS, decoded
from zennas.data.kinds import GREY, PHOTOGRAPHS, SMALL
from zennas.data.loading import Loader, in_batches
from zennas.data.preparation import Normaliser, view_of

from .conftest import archive, picture

HALF = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def in_both(place: Path, files: list[bytes]) -> tuple[ImageSet, ImageSet]:
    """The same images of two classes in an archive and in folders."""
    for number, content in enumerate(files):
        folder = place / "folder" / "train" / str(number % 2)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:03}.png").write_bytes(content)
    packed = archive(place / "mine.npz", files)
    return open_set(str(packed), "train"), open_set(str(place / "folder"), "train")


def square(seed: int, side: int = 12, mode: str = "RGB") -> bytes:
    return picture(seed, side, side, mode, "PNG")


@pytest.mark.parametrize(
    ("files", "usual"),
    [
        ([square(i) for i in range(6)], SMALL),
        ([square(i, 64) for i in range(6)], SMALL),
        ([square(i, mode="L") for i in range(6)], GREY),
        ([square(i, 65) for i in range(6)], PHOTOGRAPHS),
        ([square(i, 12 + i) for i in range(6)], PHOTOGRAPHS),
        ([picture(i, 12, 14, kind="PNG") for i in range(6)], PHOTOGRAPHS),
    ],
)
def test_the_container_does_not_matter(tmp_path: Path, files: list[bytes], usual: object) -> None:
    packed, folder = in_both(tmp_path, files)
    assert packed.usual == folder.usual == usual
    assert packed.view == folder.view
    assert (packed.pixels is None) == (folder.pixels is None) == (usual is PHOTOGRAPHS)
    assert normalisation_of(packed) == normalisation_of(folder)
    assert open_any(tmp_path / "folder").usual == usual
    order = sorted(range(6), key=lambda i: (i % 2, i))
    assert all(torch.equal(folder.read(i), packed.read(row)) for i, row in enumerate(order))


def shown_by(images: ImageSet, shown: Shown) -> torch.Tensor:
    view = view_of(images, shown)
    loader = Loader(images, view, torch.device("cpu"), skip_corrupt=True)
    normaliser = Normaliser(shown.normalisation, shown.resolution, torch.device("cpu"))
    return torch.cat([normaliser(batch.images) for batch in loader(in_batches(range(len(images)), 4))])


@pytest.mark.parametrize("view", ["whole", "centre"])
@pytest.mark.parametrize("resolution", [8, 12, 20])
def test_a_network_sees_the_same_in_any_set(tmp_path: Path, view: str, resolution: int) -> None:
    """An image of another size makes a set one of photographs, but changes nothing for the other images."""
    files = [square(i) for i in range(7)]
    shown = Shown(HALF, resolution, resolution, view)  # type: ignore[arg-type]
    uniform = shown_by(open_set(str(archive(tmp_path / "a.npz", files)), "test"), shown)
    mixed = open_set(str(archive(tmp_path / "b.npz", [*files, picture(9, 30, 20)])), "test")
    assert mixed.view == "centre"
    found = shown_by(mixed, shown)
    assert found.shape == (8, 3, resolution, resolution)
    assert float((found[:7] - uniform).abs().max()) <= 0.51 / 255 / 0.25  # half a shade


def test_the_central_square_is_interpolated(tmp_path: Path) -> None:
    files = [picture(i, 30, 20, kind="PNG") for i in range(2)]
    images = open_set(str(archive(tmp_path / "a.npz", files)), "test")
    found = shown_by(images, Shown(HALF, 10, 10, "whole"))
    centre = images.read(1)[:, :, 5:25].float().div(255)[None]
    expected = (F.interpolate(centre, size=(10, 10), mode="bilinear", align_corners=False) - 0.5) / 0.25
    assert float((found[1] - expected[0]).abs().max()) <= 0.51 / 255 / 0.25


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_as_viewers_do(tmp_path: Path, orientation: int, kind: str) -> None:
    from PIL import ImageOps

    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 5, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned.{kind.lower()}"
    image.save(path, format=kind, exif=exif)
    with Image.open(path) as found:
        expected = np.asarray(ImageOps.exif_transpose(found).convert("RGB"))
    turned = decoded(str(path))
    assert turned.shape == ((3, 5, 9) if orientation > 4 else (3, 9, 5))
    assert np.array_equal(turned.permute(1, 2, 0).numpy(), expected)
    if kind != "TIFF":  # which PIL turns in any case
        assert decoded(str(path), Decoding(upright=False)).shape == (3, 9, 5)


def test_damaged_metadata_turn_nothing(tmp_path: Path) -> None:
    path = tmp_path / "odd.jpg"
    Image.new("RGB", (4, 6)).save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(30))
    assert decoded(str(path)).shape == (3, 6, 4)


def test_headers_of_bombs_are_not_decoded(tmp_path: Path) -> None:
    """Before the pixels take memory; in an archive, too. One that may be skipped leaves the others."""

    def bomb(side: int) -> bytes:
        content = bytearray(square(0))
        content[16:24] = struct.pack(">II", side, side)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        return bytes(content)

    assert MOST_PIXELS < 12_000**2
    for side, says in ((12_000, "12,000 × 12,000 pixels, expected at most 134 million"), (60_000, "exceeds limit")):
        files = [square(0), square(1), bomb(side), square(3)]
        tracemalloc.start()
        for images in in_both(tmp_path / str(side), files):
            shown = Shown(HALF, 12, 12, "whole")
            assert len(shown_by(images, shown)) == 3
            assert images.usual == SMALL
            row = 2 if images.name.endswith(".npz") else 1
            with pytest.raises(Exception, match=says):
                images.read(row)
        assert tracemalloc.get_traced_memory()[1] < 2**25
        tracemalloc.stop()


def test_programs_are_not_started_by_pictures(tmp_path: Path) -> None:
    """PIL gives PostScript to an interpreter."""
    Image.new("RGB", (4, 4)).save(tmp_path / "script.eps")
    (tmp_path / "script.eps").rename(tmp_path / "script.png")
    with pytest.raises(Exception, match="not a known image format"):
        decoded(str(tmp_path / "script.png"))
