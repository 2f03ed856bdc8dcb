"""Folders of images: their parts and classes, and folders that are no data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from zennas.data import (
    DataError,
    open_any,
    open_set,
)

from .conftest import archive, folders, picture, refused


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
    assert "val is not a folder of classes: it has no images in cat" in refused(tmp_path / "one")
    (tmp_path / "one" / "test").mkdir()
    (tmp_path / "one" / "val" / "cat").rmdir()
    assert "val is not a folder of classes: it has no class folders" in refused(tmp_path / "one")


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
    with pytest.raises(DataError, match="has folders without images: packed"):
        open_any(tmp_path)
