"""A file and its sidecar: both or neither, where the user said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zennas.exporting.base import ExportError
from zennas.exporting.writing import check_free, sidecar_of, write_both


def test_links_are_followed(tmp_path: Path) -> None:
    link = tmp_path / "link.onnx"
    link.symlink_to(tmp_path / "target.onnx")
    check_free(link, overwrite=False)
    write_both(link, b"content", "{}")
    assert link.is_symlink()
    assert (tmp_path / "target.onnx").read_bytes() == b"content"
    assert sidecar_of(link).read_text() == "{}"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(ExportError, match="is not a regular file, which an export needs"):
            check_free(place, overwrite=True)


def test_a_sidecar_that_cannot_be_written_is_named_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.open

    def refused(path: str, *arguments: int) -> int:
        if "net.onnx.json" in str(path):
            raise OSError(28, "No space left on device")
        return whole(path, *arguments)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(OSError, match=r"net\.onnx\.json'$"):
        write_both(tmp_path / "net.onnx", b"content", "{}")
    assert list(tmp_path.iterdir()) == []
