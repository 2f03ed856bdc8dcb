"""Which folders are classes, which files are images, and that the others are counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zennas.data import CorruptImageError, open_any, open_set
from zennas.data.decoding import SUFFIXES, readable
from zennas.data.listing import list_classes

from .conftest import folders, picture, refused


@pytest.mark.parametrize(
    "name", [".ipynb_checkpoints", "__MACOSX", "@eaDir", ".git", ".cache", "$RECYCLE.BIN", "lost+found", "#recycle"]
)
def test_folders_of_systems_are_no_classes(tmp_path: Path, name: str) -> None:
    """Neither beside the classes nor in them, whether they contain images or not."""
    folders(tmp_path / "train", {"cat": 3, "dog": 2})
    plain = open_set(str(tmp_path), "train")
    for place in (tmp_path / "train", tmp_path / "train" / "cat"):
        folders(place / name, {"cat": 2})
        (place / name / "a.jpg").write_bytes(picture(0))
    (tmp_path / "train" / "dog" / name).mkdir()
    found = open_set(str(tmp_path), "train")
    assert (found.classes, found.labels.tolist()) == (("cat", "dog"), [0, 0, 0, 1, 1])
    assert (found.fingerprint, found.notes) == (plain.fingerprint, ())


def test_hidden_files_are_no_images(tmp_path: Path) -> None:
    """macOS puts ._NAME beside NAME."""
    folders(tmp_path, {"cat": 2})
    (tmp_path / "cat" / "._0.jpg").write_bytes(b"\0\5\26\7")
    (tmp_path / "cat" / ".hidden.png").write_bytes(picture(0, kind="PNG"))
    (tmp_path / "cat" / "Thumbs.db").write_bytes(b"")
    found = list_classes(tmp_path)
    assert [Path(path).name for path in found.paths] == ["0.jpg", "1.jpg"]
    assert found.note is None


def test_every_suffix_is_read_or_counted(tmp_path: Path) -> None:
    kinds = {suffix: kind for suffix, kind in SUFFIXES.items() if kind in readable()}
    assert {".jfif", ".gif", ".webp", ".jpg", ".png", ".tif"} <= set(kinds)
    (tmp_path / "cat").mkdir()
    for number, (suffix, kind) in enumerate(kinds.items()):
        (tmp_path / "cat" / f"{number}{suffix.upper()}").write_bytes(picture(number, kind=kind))
    for name in ("a.heic", "b.heic", "notes.txt", "README"):
        (tmp_path / "cat" / name).write_bytes(b"?")
    found = open_any(tmp_path)
    assert len(found) == len(kinds)
    assert all(found.read(i).shape == (3, 12, 12) for i in range(len(found)))
    total = len(kinds) + 4
    assert found.notes == (
        f"{tmp_path}: {len(kinds)} of {total} files used; not read: 2 .heic, 1 .txt, 1 without extension",
    )


def test_a_folder_of_unread_files_says_so(tmp_path: Path) -> None:
    (tmp_path / "val" / "cat").mkdir(parents=True)
    (tmp_path / "val" / "cat" / "a.heic").write_bytes(b"?")
    assert "it has no images in cat (0 of 1 file used; not read: 1 .heic)" in refused(tmp_path)


def test_empty_class_folders(tmp_path: Path) -> None:
    """A class without training images is refused; test images may lack classes."""
    for part in ("train", "val"):
        folders(tmp_path / part, {"cat": 2, "dog": 1})
        (tmp_path / part / "bird").mkdir()
    assert "has folders without images: bird; remove them" in refused(tmp_path, "train")
    assert open_set(str(tmp_path), "test").classes == ("cat", "dog")


def test_links_are_followed_but_not_for_ever(tmp_path: Path) -> None:
    folders(tmp_path / "elsewhere", {"dog": 2})
    folders(tmp_path / "mine", {"cat": 1})
    (tmp_path / "mine" / "dog").symlink_to(tmp_path / "elsewhere" / "dog")
    for i in range(3):
        (tmp_path / "mine" / "cat" / f"loop{i}").symlink_to(tmp_path / "mine" / "cat")
    (tmp_path / "mine" / "cat" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    found = open_any(tmp_path / "mine")
    assert found.labels.tolist() == [0, 0, 1, 1]
    with pytest.raises(CorruptImageError, match=r"gone\.jpg cannot be read as an image: No such file"):
        found.read(1)


@pytest.mark.parametrize("where", ["cat/0.jpg", "dog/pipe.png"])
def test_pipes_are_corrupt_images(tmp_path: Path, where: str) -> None:
    """Nobody writes to them, so opening one as a file would wait for ever."""
    folders(tmp_path / "train", {"cat": 3, "dog": 2})
    pipe = tmp_path / "train" / where
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    found = open_set(str(tmp_path), "train")
    with pytest.raises(CorruptImageError, match="cannot be read as an image: it is not a regular file"):
        for i in range(len(found)):
            found.read(i)
    os.mkfifo(tmp_path / "pipe.npz")
    assert "pipe.npz is not a regular file" in refused(tmp_path / "pipe.npz")
