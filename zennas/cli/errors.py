"""How errors reach the user: one line on standard error, and an exit code that scripts can use.

Exit codes: 0 success; 1 error; 2 wrong usage, including unknown names; 3 no structure fits the budget; 4 the run is in
use by another process; 5 an exported file loses too much accuracy; 130 interrupted; 143 ended by SIGTERM. `--debug`,
anywhere on the command line, shows the traceback; `--quiet` and `--log-file FILE` are described in `console.py`.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from latency.base import UnavailableError, WrongRequestError
from PlainNet.device import DeviceError
from PlainNet.lock import FolderInUseError
from PlainNet.registry import UnknownNameError
from zennas.budget.budgets import BudgetError
from zennas.cli import console
from zennas.common.errors import WrongSettingError, ZennasError
from zennas.common.text import printable
from zennas.exporting.errors import AccuracyLossError, WrongPlaceError
from ZeroShotProxy.base import WrongProxyError

OF_TORCH = ("torch", "torchvision", "sklearn", "fvcore")
"""The packages of the extra `torch`: a search with a closed-form score and a predicted latency runs without them."""


DEBUG, QUIET, LOG_FILE = "--debug", "--quiet", "--log-file"
"""The flags that are allowed anywhere on the command line."""


class InterruptionError(ZennasError, RuntimeError):
    """Ctrl-C, with advice on how to continue. Not a KeyboardInterrupt, because typer replaces the message of those."""


class TerminationError(InterruptionError):
    """SIGTERM, with advice on how to continue."""


_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (UnknownNameError, 2),
    (WrongSettingError, 2),
    (WrongProxyError, 2),
    (DeviceError, 2),
    (UnavailableError, 2),
    (WrongRequestError, 2),
    (console.LogFileError, 2),
    (WrongPlaceError, 2),
    (BudgetError, 3),
    (FolderInUseError, 4),
    (AccuracyLossError, 5),
    (TerminationError, 143),
    (InterruptionError, 130),
)


def guarded(program: Callable[[list[str]], object]) -> None:
    """Run `program` with the arguments of the command line, and exit with its exit code."""
    found = _Everywhere(())
    try:
        found = _everywhere(sys.argv[1:])
        with console.session(found.quiet, found.log_file):
            console.log(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]))
            try:
                program(list(found.rest))
            except Exception as error:
                if not found.debug:
                    console.tell_error(f"error: {lines(message(error))}")
                raise
    except Exception as error:
        if found.debug:
            raise
        if isinstance(error, (console.LogFileError, _FlagError)):  # before there was a session
            console.tell_error(f"error: {lines(message(error))}")
        sys.exit(next((code for kind, code in _CODES if isinstance(error, kind)), 1))


@dataclass(frozen=True)
class _Everywhere:
    """The flags that are allowed anywhere on the command line, and the rest of it."""

    rest: tuple[str, ...]
    debug: bool = False
    quiet: bool = False
    log_file: str | None = None


class _FlagError(WrongSettingError):
    """A flag that is allowed anywhere has no value."""


def _everywhere(arguments: list[str]) -> _Everywhere:
    """Take the flags that are allowed anywhere out of the arguments; what follows `--` is left as it is."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    rest: list[str] = []
    log_file: str | None = None
    given = iter(arguments[:end])
    for one in given:
        if one == LOG_FILE or one.startswith(f"{LOG_FILE}="):
            log_file = next(given, "") if one == LOG_FILE else one.partition("=")[2]
            if not log_file:
                raise _FlagError(f"{LOG_FILE} names no file, expected {LOG_FILE} FILE")
        elif one not in (DEBUG, QUIET):
            rest.append(one)
    before = arguments[:end]
    return _Everywhere((*rest, *arguments[end:]), DEBUG in before, QUIET in before, log_file)


def lines(text: str) -> str:
    """The text of an error in printable lines: one, and for a parse error two more, which show the place."""
    found = text.split("\n")
    place = found[-2:] if len(found) > 2 and found[-1].strip() == "^" else []
    return "\n".join([printable("\n".join(found[: len(found) - len(place)])), *map(printable, place)])


def message(error: Exception) -> str:
    """The error in one line; for a parse error, the position follows below."""
    # Our errors and file errors of the system explain themselves; for all others, the type says most.
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"  # without its number
    if isinstance(error, (ZennasError, InterruptionError, OSError)):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name in OF_TORCH:
        return f"this needs the package {error.name}, which is not installed: pip install 'zennas[torch]'"
    return f"{type(error).__name__}: {' '.join(str(error).split())} (run again with --debug to see where)"


class _Terminated(KeyboardInterrupt):
    """SIGTERM as an exception; by default Python would exit without any message."""


@contextmanager
def interruptible(advice: Callable[[], str]) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM inside the context into errors whose messages end with `advice()`."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except _Terminated:
        raise TerminationError(f"ended by SIGTERM{advice()}") from None
    except KeyboardInterrupt:
        raise InterruptionError(f"interrupted{advice()}") from None
    finally:
        signal.signal(signal.SIGTERM, before)
