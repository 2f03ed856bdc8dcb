"""Where the program prints: results on standard output, notes and progress on standard error and in a log file.

Everything printed here is data: brackets are no markup, colons are no emoji, and control characters appear as escapes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.text import Text

from zennas.common.errors import ZennasError
from zennas.common.layout import Rows, lines_of
from zennas.common.text import plain_on, printable


class LogFileError(ZennasError, OSError):
    """The log file cannot be written."""


class DataConsole(Console):
    """A console that prints text as it is, whatever it contains, without breaking it into lines."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print texts, and tables as wide as the terminal, or in full width if there is none."""
        shown: list[Any] = []
        for one in objects:
            if isinstance(one, Rows):
                shown += [Text(line, "bold" if bold else "") for line, bold in lines_of(one, self._room)]
            else:
                shown.append(_line(one))
        for one in shown:
            super().print(one, **options)

    @property
    def _room(self) -> int | None:
        """The width for tables, in characters; None for no limit."""
        columns = os.environ.get("COLUMNS", "")  # now, as rich only reads it when the console is made
        if columns.isdigit():
            return int(columns)
        return self.width if self.is_terminal else None


OUT = DataConsole()
ERRORS = DataConsole(stderr=True)


@dataclass
class _Session:
    """What `--quiet` and `--log-file` ask for."""

    quiet: bool = False
    log: IO[bytes] | None = None


_session = _Session()


@contextmanager
def session(quiet: bool = False, log_file: str | None = None) -> Iterator[None]:
    """Apply `--quiet` and `--log-file` inside the context. Raises LogFileError if the file cannot be written."""
    global _session
    for stream in (sys.stdout, sys.stderr):
        plain_on(stream)
    before, _session = _session, _Session(quiet, None if log_file is None else _opened(Path(log_file)))
    try:
        yield
    finally:
        if _session.log is not None:
            _session.log.close()
        _session = before


def quiet() -> bool:
    """Whether nothing but results and errors is printed."""
    return _session.quiet


def logs() -> bool:
    """Whether there is a log file."""
    return _session.log is not None


def tell(text: str) -> None:
    """Print a note on standard error, unless `--quiet` is given, and write it to the log file."""
    if not _session.quiet:
        ERRORS.print(text)
    log(text)


def tell_error(text: str) -> None:
    """Print an error on standard error and write it to the log file. It may have several lines."""
    for line in text.split("\n"):
        print(printable(line), file=sys.stderr)
        log(line)


def log(text: str) -> None:
    """Write a line with date and time to the log file, if there is one."""
    if _session.log is None:
        return
    try:
        _session.log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {printable(text)}\n".encode())
    except OSError as error:  # the work goes on without the log
        _session.log.close()
        _session.log = None
        print(printable(f"the log file cannot be written any more: {error.strerror}"), file=sys.stderr)


def _opened(path: Path) -> IO[bytes]:
    if path.exists() and not path.is_file() and not path.is_char_device():  # opening a FIFO could take for ever
        raise LogFileError(f"--log-file {path} is not a file")
    try:
        return path.open("ab", buffering=0)  # each line is in the file at once, also after a kill
    except OSError as error:
        raise LogFileError(f"--log-file {path} cannot be written: {error.strerror}") from None


def _line(found: object) -> object:
    """A text in one line, with its styles if all of it is printable; what else rich prints, such as bars, as it is."""
    if isinstance(found, Text):
        return found if found.plain.isprintable() else Text(printable(found.plain), found.style)
    return Text(printable(found)) if isinstance(found, str) else found
