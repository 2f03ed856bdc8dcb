"""How errors reach the user: one line on standard error and an exit code that scripts can use.

Exit codes: 0 done; 1 an error; 2 wrong usage, unknown names among it; 3 no structure fits the budget; 4 the run
is in use by another process; 130 interrupted; 143 told to end (SIGTERM). `--debug`, anywhere on the command
line, shows the traceback.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from latency.base import UnavailableError
from PlainNet.device import DeviceError
from PlainNet.registry import UnknownNameError
from zennas.budget.budgets import BudgetError
from zennas.common.errors import WrongSettingError, ZennasError
from zennas.runs.store import RunInUseError

OF_TORCH = ("torch", "torchvision", "sklearn", "fvcore")
"""The packages of the extra `torch`: a search with a closed-form score and a predicted latency runs without them."""


class InterruptionError(ZennasError, RuntimeError):
    """Ctrl-C, with what to do about it. Not a KeyboardInterrupt, of which typer would make its own message."""


class TerminationError(InterruptionError):
    """The same for SIGTERM."""


_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (UnknownNameError, 2),
    (WrongSettingError, 2),
    (DeviceError, 2),
    (UnavailableError, 2),
    (BudgetError, 3),
    (RunInUseError, 4),
    (TerminationError, 143),
    (InterruptionError, 130),
)


def guarded(program: Callable[[list[str]], object]) -> None:
    """Run `program` on the command line's arguments and leave with its exit code."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        program(arguments)
    except Exception as error:
        if "--debug" in sys.argv[1:]:
            raise
        print(f"error: {message(error)}", file=sys.stderr)
        sys.exit(next((code for kind, code in _CODES if isinstance(error, kind)), 1))


def message(error: Exception) -> str:
    """The error in one line; a parse error has the place below it."""
    # Ours speak for themselves, and so do the system's about files; of others, the kind says most.
    if isinstance(error, (ZennasError, InterruptionError, OSError)):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name in OF_TORCH:
        return f"this needs the package {error.name}, which is not installed: pip install 'zennas[torch]'"
    return f"{type(error).__name__}: {' '.join(str(error).split())} (run again with --debug to see where)"


class _Terminated(KeyboardInterrupt):
    """SIGTERM, where Python would end without a word."""


@contextmanager
def interruptible(advice: Callable[[], str]) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM inside into errors that say `advice()`."""

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
