"""Images in .npz archives, and files that are damaged or no archives."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import data_folder
from zennas.data import (
    CorruptImageError,
    measured_normalisation,
    open_set,
)
from zennas.data.packed import LARGE, USUAL

from .conftest import archive, picture, refused


def test_an_archive_of_small_images_is_kept_in_memory(tmp_path: Path) -> None:
    files = [picture(i) for i in range(10)]
    path = archive(tmp_path / "mine.npz", files, classes=np.array(["cat", "dög"]))
    found = open_set(str(path), "test")
    assert (found.name, found.classes, found.usual) == ("mine.npz", ("cat", "dög"), USUAL)
    assert found.labels.tolist() == [0, 1] * 5
    assert found.pixels is not None
    for i in (0, 9):
        (tmp_path / "one.jpg").write_bytes(files[i])
        exact = np.asarray(Image.open(tmp_path / "one.jpg"))
        assert np.array_equal(found.pixels[i].permute(1, 2, 0).numpy(), exact)
    assert open_set(str(path), "train").fingerprint == found.fingerprint  # it is of no part by its name
    unnamed = open_set(str(archive(tmp_path / "other.npz", files, labels=np.arange(10, dtype=np.uint8))), "test")
    assert unnamed.classes == tuple("0123456789")
    assert unnamed.fingerprint != found.fingerprint


def test_an_archive_of_photographs(tmp_path: Path) -> None:
    path = archive(tmp_path / "mine.npz", [picture(i, 70 + i, 80) for i in range(5)])
    found = open_set(str(path), "test")
    assert (found.pixels, found.usual) == (None, LARGE)
    assert [tuple(found.read(i).shape) for i in range(5)] == [(3, 80, 70 + i) for i in range(5)]
    assert open_set(str(path), "train").fingerprint == found.fingerprint
    assert found.fingerprint != open_set(str(archive(path, [picture(i, 70, 80) for i in range(5)])), "test").fingerprint


def test_one_image_of_another_size_makes_photographs(tmp_path: Path) -> None:
    """Also where it is none of those that are looked at first."""
    files = [picture(0)] * 201
    files[101] = picture(1, 12, 13)
    found = open_set(str(archive(tmp_path / "mine.npz", files)), "test")
    assert (found.pixels, found.usual) == (None, LARGE)


@pytest.mark.parametrize("bad", [0, 3, 7])
def test_a_corrupt_image_among_small_ones(tmp_path: Path, bad: int) -> None:
    files = [picture(i) for i in range(8)]
    files[bad] = files[bad][:40]
    found = open_set(str(archive(tmp_path / "mine.npz", files)), "test")
    assert found.usual == USUAL  # they are still small ones
    with pytest.raises(CorruptImageError, match=rf"image {bad} of .*mine.npz cannot be decoded: .*[Tt]runcated"):
        found.read(bad)
    assert found.read((bad + 1) % 8).shape == (3, 12, 12)
    assert measured_normalisation(found).mean[0] > 0


def test_pairs_of_archives_are_found_by_their_names(tmp_path: Path) -> None:
    for part, count in (("train", 3), ("val", 2)):
        archive(tmp_path / f"pets_{part}.npz", [picture(i) for i in range(count)])
    for name in ("pets_train.npz", "pets_val.npz", ""):
        assert len(open_set(str(tmp_path / name), "train")) == 3
        assert len(open_set(str(tmp_path / name), "test")) == 2
    (tmp_path / "pets_val.npz").unlink()
    said = refused(tmp_path / "pets_train.npz")
    assert f"{tmp_path}/pets_test.npz or {tmp_path}/pets_val.npz does not exist" in said
    assert "has 0 test archives, expected one; it has pets_train.npz: name a file" in refused(tmp_path)
    archive(tmp_path / "cars_train.npz", [picture(1)])
    assert "has 2 train archives, expected one; it has cars_train.npz, pets_train.npz" in refused(tmp_path, "train")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"labels": None}, "has no labels, expected the arrays jpeg, offsets, labels"),
        ({"labels": None, "offsets": None}, "has no offsets and no labels"),
        (
            {"offsets": np.arange(4)},
            "is damaged: expected one more offset than labels, increasing and within the length of jpeg",
        ),
        ({"offsets": np.array([0, 10, 5, 20, 30])}, "is damaged"),
        ({"offsets": np.array([-1, 10, 15, 20, 30])}, "is damaged"),
        ({"offsets": np.array([0, 10, 15, 20, 10**6])}, "is damaged"),
        ({"offsets": np.array([0, 10, 10, 20, 30])}, "is damaged"),
        (
            {"offsets": np.array([0.0, 10, 15, 20, 30])},
            "offsets in .* is float64 of shape .*, expected a one-dimensional array of whole numbers",
        ),
        (
            {"jpeg": np.zeros((2, 2), np.uint8)},
            "jpeg in .* is uint8 of shape .*, expected a one-dimensional array of bytes",
        ),
        (
            {"jpeg": np.zeros(99, np.int64)},
            "jpeg in .* is int64 of shape .*, expected a one-dimensional array of bytes",
        ),
        ({"labels": np.array(["a"] * 4)}, "labels in .* expected a one-dimensional array of whole numbers"),
        ({"labels": np.array([{}] * 4)}, "cannot be read as an .npz file"),
        ({"labels": np.array([0, 1, -1, 0])}, "has label -1, expected 0 to 1 for its 2 classes"),
        ({"labels": np.array([0, 1, 2**64 - 1, 0], np.uint64)}, "has label -1, expected 0 to 1"),
        ({"labels": np.array([0, 1, 2, 0]), "classes": np.array(["a", "b"])}, "has label 2, expected 0 to 1 for its 2"),
        ({"labels": np.array([0, 1, 2, 0]), "classes": np.array("a")}, "has label 2, expected 0 to 0 for its 1"),
        ({"labels": np.array([0, 1, 2 * 10**9, 0])}, "has label 2000000000, expected at most 999999"),
        ({"labels": np.zeros(0, np.int64), "offsets": np.zeros(1, np.int64)}, "is damaged"),
        ({"classes": np.array([{}])}, "cannot be read as an .npz file"),
    ],
)
def test_damaged_archives(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    import re

    path = archive(tmp_path / "mine.npz", [picture(i) for i in range(4)], **changes)
    assert re.search(says, refused(path))


def test_files_that_are_no_archives(tmp_path: Path) -> None:
    path = archive(tmp_path / "mine.npz", [picture(i) for i in range(4)])
    whole = path.read_bytes()
    for size in (0, 4, 100, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:size])
        assert "mine.npz cannot be read as an .npz file" in refused(path)
    path.write_bytes(b"plain text")
    assert "cannot be read as an .npz file" in refused(path)
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))
    assert "contains one array, expected an .npz file with jpeg, offsets, labels" in refused(path)
    with zipfile.ZipFile(path, "w") as file:
        for name in ("jpeg", "offsets", "labels"):
            file.writestr(f"{name}.npy", b"no array")
    assert "jpeg in " in refused(path)


def test_the_shared_archives() -> None:
    found = open_set("cifar10", "test", data_folder())
    assert (len(found), found.name) == (10_000, "cifar10_jpeg_test.npz")
    assert found.pixels is not None
    assert found.pixels.shape == (10_000, 3, 32, 32)
    assert np.bincount(found.labels).tolist() == [1000] * 10
    normalisation = measured_normalisation(found)
    assert normalisation.mean == pytest.approx((0.4914, 0.4822, 0.4465), abs=0.02)
