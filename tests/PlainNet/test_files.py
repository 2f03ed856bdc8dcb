"""Files are written completely or not at all, with the usual permissions; errors name them and never a draft."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from PlainNet.files import (
    behind_links,
    draft_beside,
    is_regular,
    publish,
    read_named,
    write_bytes,
    write_out,
    write_text,
)

WAYS: tuple[Callable[[Path, bytes], None], ...] = (write_bytes, write_out)


@pytest.fixture(params=[0o022, 0o027, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("write", WAYS)
def test_new_files_follow_the_umask_and_old_ones_keep_their_permissions(
    tmp_path: Path, umask: int, write: Callable[[Path, bytes], None]
) -> None:
    path = tmp_path / "new" / "file.txt"
    write(path, b"one")
    assert mode(path) == 0o666 & ~umask
    path.chmod(0o604)
    write(path, b"two")
    assert (path.read_bytes(), mode(path)) == (b"two", 0o604)
    assert [one.name for one in path.parent.iterdir()] == ["file.txt"]


def test_the_content_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "file.txt", []

    def synchronised(handle: int) -> None:
        regular = stat.S_ISREG(os.fstat(handle).st_mode)
        seen.append((regular, os.fstat(handle).st_size if regular else None, path.exists()))

    monkeypatch.setattr(os, "fsync", synchronised)
    write_text(path, "12345")
    assert seen == [(True, 5, False), (False, None, True)]


@pytest.mark.parametrize("dangling", [False, True])
def test_links_are_followed_where_the_user_named_them_and_replaced_in_folders_of_runs(
    tmp_path: Path, dangling: bool
) -> None:
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    if not dangling:
        target.write_text("before")
    link.symlink_to("target.txt")
    write_out(link, b"out")
    assert link.is_symlink()
    assert target.read_text() == "out"
    write_text(link, "run")
    assert not link.is_symlink()
    assert (link.read_text(), target.read_text()) == ("run", "out")


def test_a_circle_of_links_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    for use in (behind_links, lambda path: write_out(path, b"")):
        with pytest.raises(OSError, match="circle"):
            use(circle)


def test_devices_and_pipes_are_written_through(tmp_path: Path) -> None:
    link, pipe = tmp_path / "null", tmp_path / "pipe"
    link.symlink_to(os.devnull)
    write_out(link, b"nothing")
    write_out(Path(os.devnull), b"nothing")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    write_out(pipe, b"x" * 200_000)
    reader.join()
    assert found == [b"x" * 200_000]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert not is_regular(pipe)
    assert not is_regular(Path("/dev/stdout"))
    assert is_regular(tmp_path / "none yet")


def test_a_full_device_is_an_error_that_names_it() -> None:
    if not Path("/dev/full").is_char_device():
        pytest.skip("no /dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):
        write_out(Path("/dev/full"), b"content")
    assert Path("/dev/full").is_char_device()


@pytest.mark.parametrize("write", WAYS)
def test_errors_name_the_file_and_never_its_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, bytes], None]
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("fsync", "open"):
        with monkeypatch.context() as patched, pytest.raises(OSError, match=r"No space left .*: '.*/file\.txt'$"):
            patched.setattr(os, name, full)
            write(tmp_path / "file.txt", b"content")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match=r"folder'$"):
        write(folder, b"content")
    with pytest.raises(OSError, match=r"folder'$"), draft_beside(folder) as (file, draft):
        file.close()
        publish(draft, folder)
    (tmp_path / "text").write_text("")
    with pytest.raises(OSError, match=r"/text(/deeper)?'$"):
        write(tmp_path / "text" / "deeper" / "file.txt", b"content")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "text"]


def test_long_names_have_short_drafts(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 127)
    write_text(path, "content")
    assert path.read_text() == "content"


def test_a_named_file_is_read_and_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert read_named(tmp_path / "file") == b"content"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a pipe that nobody writes to"):
        read_named(tmp_path / "pipe")
    for path, says in ((Path("/dev/zero"), "not a regular file"), (tmp_path, "Is a directory")):
        with pytest.raises(OSError, match=says):
            read_named(path)
    outgoing, incoming = os.pipe()
    os.write(incoming, b"from a process")
    os.close(incoming)
    assert read_named(Path(f"/dev/fd/{outgoing}")) == b"from a process"
    os.close(outgoing)
