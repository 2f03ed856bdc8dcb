"""Atomic writes: a file is written completely or not at all.

Files in folders of runs and trainings are replaced, even if they are links, because such a folder can come from
anybody: `write_text`, `write_bytes`. Files that the user names, as with `--out`, are written as a shell would write
them, through links and to devices and pipes: `write_out`.

Each error names the file that was to be written. New files get the permissions of the umask; files that are replaced
keep theirs.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_STREAMS = ("/dev/std", "/dev/fd/", "/proc/")
"""Names that lead to open files of processes, which are never replaced."""
_LONGEST = 50
"""Characters of a file's name that its draft has, too; a name has at most 255 bytes."""


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically: readers see the old file or the complete new one.

    Missing folders are created; a link is replaced. Raises OSError, naming `path`, if the file cannot be written.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` under a temporary name, then rename: a reader sees the old file or the new one.

    Missing folders are created; a link is replaced. Raises OSError, naming `path`, if the file cannot be written.
    """
    with draft_beside(path) as (file, draft):
        file.write(content)
        file.close()
        publish(draft, path)


def write_out(path: Path, content: bytes) -> None:
    """Write to a file that the user has named: through links; atomically if it is a regular file or none yet.

    Missing folders are created. Raises OSError, naming `path`, if the file cannot be written.
    """
    target = behind_links(path)
    with _naming(path, target):
        if is_regular(path):
            write_bytes(target, content)
        else:
            with path.open("wb", buffering=0) as device:
                rest = memoryview(content)
                while rest:  # a pipe may take only a part
                    rest = rest[device.write(rest) :]


def read_named(path: Path) -> bytes:
    """Read a file that the user has named: a regular one, or a pipe that somebody writes to, as after `<(command)`.

    Raises OSError, naming `path`, if it cannot be read. A pipe without a writer is one such, which would never end,
    and so are devices except the terminal.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # otherwise a pipe would wait for a writer
    with os.fdopen(handle, "rb", buffering=0) as file:
        mode = os.fstat(handle).st_mode
        if stat.S_ISREG(mode):
            return file.readall()
        if not stat.S_ISFIFO(mode) and not os.isatty(handle):
            kind = "Is a directory" if stat.S_ISDIR(mode) else "it is not a regular file"
            raise OSError(errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL, kind, str(path))
        os.set_blocking(handle, True)
        content = file.readall()
    if stat.S_ISFIFO(mode) and not content:
        raise OSError(errno.ENODATA, "it is a pipe that nobody writes to", str(path))
    return content


def is_regular(path: Path) -> bool:
    """Whether `path` is a regular file or can become one: not a folder, device, pipe, or open file of a process."""
    if str(path).startswith(_STREAMS):
        return False
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True


def behind_links(path: Path) -> Path:
    """Return the path of the file that `path` leads to, which need not exist. Raises OSError for links in a circle."""
    if not path.is_symlink():
        return path
    with suppress(FileNotFoundError):
        path.stat()  # raises OSError for a circle, which realpath would accept
    return Path(os.path.realpath(path))


@contextmanager
def draft_beside(path: Path, buffering: int = -1) -> Iterator[tuple[IO[bytes], Path]]:
    """A new file in the folder of `path`, and its hidden name. It is deleted in the end unless `publish` renames it.

    The folder is created if necessary. buffering: as for `open`. Raises OSError, which names `path` instead of the
    draft, also if writing fails in the calling code.
    """
    draft = path.parent / f".{path.name[:_LONGEST]}.{secrets.token_hex(4)}"
    with _naming(path, draft):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not `tempfile`, whose files nobody else may read, whatever the umask.
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(handle, "wb", buffering=buffering) as file:
                yield file, draft
        finally:
            draft.unlink(missing_ok=True)


def publish(draft: Path, path: Path) -> None:
    """Give a finished draft its final name, once its content is on the disk. Raises OSError, which names `path`."""
    with _naming(path, draft):
        with suppress(FileNotFoundError):
            found = os.lstat(path)
            if stat.S_ISREG(found.st_mode):
                draft.chmod(stat.S_IMODE(found.st_mode) & 0o777)
        _synchronise(draft)
        draft.replace(path)
        with suppress(OSError):  # not every file system can do this for folders, and the file is complete in any case
            _synchronise(path.parent)


def _synchronise(place: Path) -> None:
    """Wait until the content is on the disk: otherwise a power failure could leave an empty file under the new name."""
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _naming(path: Path, other: Path) -> Iterator[None]:
    """Let errors that name no file, or `other` in the place of `path`, name `path`."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(other)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None
