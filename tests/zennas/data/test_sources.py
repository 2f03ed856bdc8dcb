"""Sets of images by name: digits, CIFAR, archives, folders; and what is told where they are not."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import data_folder
from zennas.data import (
    CorruptImageError,
    DataError,
    ImageSet,
    Normalisation,
    measured_normalisation,
    open_any,
    open_set,
)
from zennas.data.base import in_memory
from zennas.data.packed import LARGE, USUAL

from .conftest import archive, folders, picture

GREY = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def refused(name: str | Path, split: Any = "test", folder: Path | None = None) -> str:
    """What is said, in one line, of a set that cannot be opened."""
    with pytest.raises(DataError) as caught:
        open_set(str(name), split, folder)
    said = str(caught.value)
    assert "\n" not in said
    return said


# -- digits --------------------------------------------------------------------------------------


def test_digits_are_split_once_and_for_all() -> None:
    train, test = open_set("digits", "train"), open_set("digits", "test")
    assert (len(train), len(test)) == (1437, 360)
    assert np.bincount(test.labels).min() >= 34
    assert train.classes == test.classes == tuple("0123456789")
    assert test.fingerprint == open_set("digits", "test").fingerprint != train.fingerprint
    assert test.pixels is not None
    assert test.pixels.shape == (360, 3, 8, 8)
    assert test.pixels.dtype == torch.uint8
    assert int(test.pixels.max()) == 255
    assert torch.equal(test.read(7), test.pixels[7])


def test_digits_are_none_in_both_parts() -> None:
    from sklearn.datasets import load_digits

    train, test = open_set("digits", "train").pixels, open_set("digits", "test").pixels
    assert train is not None
    assert test is not None
    both = sorted(one.numpy().tobytes() for one in (*train, *test))
    scaled = (load_digits().images * 255 / 16).round().astype(np.uint8)
    assert both == sorted(np.stack([one] * 3).tobytes() for one in scaled)


# -- CIFAR ---------------------------------------------------------------------------------------


def fake_cifar(monkeypatch: pytest.MonkeyPatch, kind: str, classes: int) -> list[Any]:
    """torchvision's class without its archive; the list gets the arguments that it is made with."""
    from torchvision import datasets

    calls: list[Any] = []

    def fake(self: Any, root: Path, train: bool, download: bool) -> None:
        calls.append((root, train, download))
        count = 20 if train else 8
        self.data = np.random.default_rng(0).integers(0, 255, (count, 32, 32, 3), dtype=np.uint8)
        self.targets = [i % classes for i in range(count)]
        self.classes = [f"class {i}" for i in range(classes)]

    monkeypatch.setattr(getattr(datasets, kind), "__init__", fake)
    return calls


@pytest.mark.parametrize(("name", "kind", "classes"), [("cifar10", "CIFAR10", 10), ("cifar100", "CIFAR100", 100)])
def test_cifar_by_torchvision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, kind: str, classes: int
) -> None:
    calls = fake_cifar(monkeypatch, kind, classes)
    train, test = (open_set(name, split, tmp_path) for split in ("train", "test"))  # type: ignore[arg-type]
    open_set(name, "test")
    assert calls == [
        (tmp_path, True, True),
        (tmp_path, False, True),
        (Path.home() / f"data/pytorch_{name}", False, True),
    ]
    assert (len(train), len(test), len(train.classes)) == (20, 8, classes)
    assert (train.name, test.name) == (f"{name}, training images", f"{name}, test images")
    assert train.usual.normalisation == Normalisation((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    data = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), dtype=np.uint8)
    assert np.array_equal(test.read(3).permute(1, 2, 0).numpy(), data[3])


def test_cifar_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    def unreachable(self: object, root: Path, **settings: object) -> None:
        root.mkdir(exist_ok=True)
        raise OSError("no route\nto host")

    monkeypatch.setattr(datasets.CIFAR10, "__init__", unreachable)
    said = refused("cifar10", "test", tmp_path / "absent")
    assert said.startswith(f"cifar10 is not in {tmp_path}/absent and could not be downloaded (no route to host); put")
    assert said.endswith("cifar-10-batches-py there, or give its folder with --data")
    assert not (tmp_path / "absent").exists()
    (tmp_path / "mine").mkdir()
    refused("cifar10", "test", tmp_path / "mine")
    assert (tmp_path / "mine").is_dir()


def test_cifar_in_archives(tmp_path: Path) -> None:
    for part in ("train", "test"):
        archive(tmp_path / f"cifar10_jpeg_{part}.npz", [picture(i, 32, 32) for i in range(6 if part == "train" else 4)])
    assert len(open_set("cifar10", "train", tmp_path)) == 6
    assert len(open_set("cifar10", "test", tmp_path / "cifar10_jpeg_train.npz")) == 4


# -- archives ------------------------------------------------------------------------------------


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
    with pytest.raises(
        CorruptImageError, match=rf"image {bad} of .*mine.npz cannot be decoded: b'.*'… is not a JPEG file"
    ):
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


# -- folders -------------------------------------------------------------------------------------


def test_a_folder_of_images(tmp_path: Path) -> None:
    folders(tmp_path / "train", {"cat": 4, "dög": 3})
    folders(tmp_path / "val", {"cat": 2, "dög": 1})
    (tmp_path / "val" / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "val" / "cat" / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "val" / "README").write_text("no class")
    train, test = open_set(str(tmp_path), "train"), open_set(str(tmp_path), "test")
    assert (len(train), len(test)) == (7, 3)
    assert test.classes == ("cat", "dög")
    assert test.labels.tolist() == [0, 0, 1]
    assert (test.name, test.pixels) == (str(tmp_path / "val"), None)
    assert [tuple(test.read(i).shape) for i in range(3)] == [(3, 14, 10), (3, 14, 13), (3, 15, 10)]
    assert open_set(str(tmp_path / "val"), "test").fingerprint == test.fingerprint  # the part itself
    assert train.fingerprint != test.fingerprint
    (tmp_path / "val" / "cat" / "0.jpg").rename(tmp_path / "val" / "cat" / "00.jpg")
    assert open_set(str(tmp_path), "test").fingerprint != test.fingerprint


def test_the_part_to_test_with_may_be_called_test(tmp_path: Path) -> None:
    folders(tmp_path / "test", {"only": 2})
    found = open_set(str(tmp_path), "test")
    assert (found.classes, len(found)) == (("only",), 2)
    folders(tmp_path / "val", {"only": 1})
    assert len(open_set(str(tmp_path), "test")) == 1


def test_folders_that_are_no_data_set(tmp_path: Path) -> None:
    assert "there is no data set" in refused(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert "file is a file, expected a folder with train/CLASS" in refused(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert "empty has no test images" in refused(tmp_path / "empty")
    folders(tmp_path / "one" / "train", {"cat": 1})
    assert f"{tmp_path}/one/val or {tmp_path}/one/test does not exist" in refused(tmp_path / "one")
    assert f"{tmp_path}/one/train/train does not exist" in refused(tmp_path / "one" / "train", "train")
    (tmp_path / "one" / "val" / "cat").mkdir(parents=True)
    assert "val is not a folder of classes: Found no valid file for the classes cat" in refused(tmp_path / "one")
    (tmp_path / "one" / "test").mkdir()
    (tmp_path / "one" / "val" / "cat").rmdir()
    assert "val is not a folder of classes: Couldn't find any class folder" in refused(tmp_path / "one")


def test_imagenet_is_a_folder_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    said = refused("imagenet")
    assert said.startswith(f"imagenet is not in {tmp_path}/data/imagenet: unpack ILSVRC2012 there as train/CLASS")
    assert said.endswith("or give its folder with --data")
    folders(tmp_path / "data" / "imagenet" / "val", {"n01440764": 2})
    assert open_set("imagenet", "test").classes == ("n01440764",)
    assert "train does not exist" in refused("imagenet", "train")
    folders(tmp_path / "mine" / "val", {"a": 1, "b": 1})
    assert len(open_set("imagenet", "test", tmp_path / "mine")) == 2


def test_any_images(tmp_path: Path) -> None:
    """To look at: of whichever part."""
    folders(tmp_path / "flat", {"a": 3, "b": 1})
    folders(tmp_path / "split" / "train", {"a": 2})
    archives = tmp_path / "packed"
    archives.mkdir()
    for part, count in (("train", 3), ("test", 2)):
        archive(archives / f"{part}.npz", [picture(i) for i in range(count)])
    counts = {"flat": 4, "split": 2, "packed": 3, "packed/train.npz": 3, "packed/test.npz": 2}
    assert {name: len(open_any(tmp_path / name)) for name in counts} == counts
    found = open_any(archives / "test.npz")
    assert found.pixels is None  # one looks at a few only
    with pytest.raises(DataError, match="is not a folder of classes"):
        open_any(tmp_path)


# -- pictures of all kinds -----------------------------------------------------------------------


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


def test_grey_of_16_bits(tmp_path: Path) -> None:
    (tmp_path / "val" / "cat").mkdir(parents=True)
    shades = np.arange(0, 2**16, 2**10, dtype=np.uint16).reshape(8, 8)
    Image.fromarray(shades).save(tmp_path / "val" / "cat" / "scan.png")
    image = open_set(str(tmp_path), "test").read(0)
    assert np.array_equal(image[1].numpy(), (shades >> 8).astype(np.uint8))


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


# -- normalisation -------------------------------------------------------------------------------


def test_normalisation_is_measured() -> None:
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(0, 256, (50, 3, 4, 4), dtype=np.uint8))
    pixels[:, 1] = 51
    found = measured_normalisation(in_memory("mine", ("a",), [0] * 50, pixels, USUAL))
    scaled = pixels.double() / 255
    assert found.mean == pytest.approx(scaled.mean((0, 2, 3)).tolist(), abs=1e-6)
    assert found.mean[1] == 0.2
    assert found.std == pytest.approx((scaled.std((0, 2, 3), unbiased=False)).clamp(min=1e-3).tolist(), abs=1e-6)
    assert Normalisation.from_json(found.to_json()) == found


def test_normalisation_of_what_cannot_be_read() -> None:
    def broken(index: int) -> torch.Tensor:
        raise CorruptImageError(f"image {index} is broken")

    images = ImageSet("mine", ("a",), np.zeros(3, np.int64), broken, USUAL, "")
    with pytest.raises(DataError, match="no image of mine can be read: image 2 is broken"):
        measured_normalisation(images)


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        {},
        {"mean": [0.5] * 3},
        {"mean": [0.5] * 3, "std": [0.5] * 2},
        {"mean": [0.5] * 3, "std": ["a"] * 3},
        {"mean": [0.5] * 3, "std": [0.0, 0.5, 0.5]},
        {"mean": [0.5, 0.5, 124.0], "std": [0.5] * 3},
        {"mean": [0.5, 0.5, float("nan")], "std": [0.5] * 3},
        {"mean": [-0.1, 0.5, 0.5], "std": [0.5] * 3},
        {"mean": [0.5] * 4, "std": [0.5] * 3},
    ],
)
def test_normalisations_that_are_none(found: Any) -> None:
    with pytest.raises(DataError, match=r"normalisation.* expected .*three numbers") as caught:
        Normalisation.from_json(found)
    assert "\n" not in str(caught.value)


def test_normalisations_that_are_some() -> None:
    assert Normalisation.from_json({"mean": (0, 0.5, 1), "std": [1, 0.5, 1e-6]}).mean == (0.0, 0.5, 1.0)
    assert GREY.to_json() == {"mean": [0.5] * 3, "std": [0.25] * 3}
