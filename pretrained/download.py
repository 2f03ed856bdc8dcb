"""Downloads of weights: a file is checked and then stored completely, or not at all. Imports torch indirectly."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from PlainNet.checkpoint import CheckpointError
from PlainNet.files import draft_beside, publish
from pretrained.hashes import record

TIMEOUT = 30.0
"""Seconds without data after which a download fails."""
_CHUNK = 1 << 18


class DownloadError(CheckpointError):
    """Raised if weights cannot be downloaded."""


def download(name: str, url: str, path: Path, sha256: str | None, accept: Callable[[Path], None]) -> None:
    """Download the weights of the model `name` from `url` to `path`, and store their SHA-256 next to them.

    sha256: the expected hash in hexadecimal digits, or None if it is not known.
    accept: called with the complete file before it is moved to `path`; raises CheckpointError if these are not the
        model's weights.

    Raises DownloadError if anything fails. No partial file remains then.
    """
    try:
        _download(name, url, path, sha256, accept)
    except _FailureError as error:
        raise DownloadError(
            f"the weights of {name} could not be downloaded from {url}: {error}; "
            f"get the file elsewhere and put it at {path}, or pass it with checkpoint=PATH (--checkpoint PATH)"
        ) from None


class _FailureError(Exception):
    """The reason why a download failed."""


def _download(name: str, url: str, path: Path, sha256: str | None, accept: Callable[[Path], None]) -> None:
    with _opened(url) as answer, _draft(path) as (file, draft):
        found = hashlib.sha256()
        for chunk in _chunks(answer, name):
            found.update(chunk)
            _write(file, chunk, path)
        digest = found.hexdigest()
        if sha256 not in (None, digest):
            raise _FailureError(f"its SHA-256 is {digest}, expected {sha256}")
        try:
            accept(draft)
        except CheckpointError as error:
            raise _FailureError(str(error).replace(str(draft), "the downloaded file")) from None
        try:
            record(path, None)  # of a file that is gone
            publish(draft, path)
            record(path, digest)
        except OSError as error:
            raise _unwritable(path, error) from None


@contextmanager
def _opened(url: str) -> Iterator[Any]:
    try:
        answer = urlopen(Request(url, headers={"User-Agent": "zennas"}), timeout=TIMEOUT)
    except (OSError, HTTPException) as error:  # URLError is an OSError
        raise _FailureError(_reason(error)) from None
    with answer:
        yield answer


def _chunks(answer: Any, name: str) -> Iterator[bytes]:
    """Yield the content of the response. Raises _FailureError if it is not complete."""
    length = answer.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    done = 0
    with _bar(name, total) as report:
        while True:
            try:
                chunk = answer.read(_CHUNK)
            except (OSError, HTTPException) as error:
                raise _FailureError(f"{_reason(error)} after {done:,} bytes") from None
            if not chunk:
                break
            done += len(chunk)
            report(done)
            yield chunk
    if total is not None and done != total:
        raise _FailureError(f"the connection was closed after {done:,} of {total:,} bytes")


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        error.close()
        return f"HTTP {error.code} {error.reason}"
    cause = getattr(error, "reason", error)  # URLError has the cause here
    if isinstance(cause, TimeoutError):
        return f"no data for {TIMEOUT:g} seconds"
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(str(text).split())


@contextmanager
def _draft(path: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A file next to `path` that is deleted afterwards unless it was renamed."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(draft_beside(path, buffering=0))
        except OSError as error:
            raise _unwritable(path, error) from None
        yield made


def _write(file: IO[bytes], chunk: bytes, path: Path) -> None:
    rest = memoryview(chunk)
    try:
        while rest:  # an unbuffered call may write only a part
            rest = rest[file.write(rest) :]
    except OSError as error:  # for example, the disk is full
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> _FailureError:
    return _FailureError(f"{path} cannot be written: {error.strerror or error}")


@contextmanager
def _bar(name: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """A progress bar in bytes on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(name, total=total)
        yield lambda done: progress.update(task, completed=done)
