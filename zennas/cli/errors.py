"""How errors reach the user: one line on standard error, and an exit code that scripts can use.

Exit codes: 0 success; 1 error; 2 wrong usage, including unknown names; 3 no structure fits the budget; 4 the run is in
use by another process; 5 an exported file loses too much accuracy; 130 interrupted; 143 ended by SIGTERM. `--debug`,
anywhere on the command line, shows the traceback.
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
from zennas.exporting.errors import AccuracyLossError
from zennas.runs.store import RunInUseError

OF_TORCH = ("torch", "torchvision", "sklearn", "fvcore")
"""The packages of the extra `torch`: a search with a closed-form score and a predicted latency runs without them."""


class InterruptionError(ZennasError, RuntimeError):
    """Ctrl-C, with advice on how to continue. Not a KeyboardInterrupt, because typer replaces the message of those."""


class TerminationError(InterruptionError):
    """SIGTERM, with advice on how to continue."""


_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (UnknownNameError, 2),
    (WrongSettingError, 2),
    (DeviceError, 2),
    (UnavailableError, 2),
    (BudgetError, 3),
    (RunInUseError, 4),
    (AccuracyLossError, 5),
    (TerminationError, 143),
    (InterruptionError, 130),
)


def guarded(program: Callable[[list[str]], object]) -> None:
    """Run `program` with the arguments of the command line, and exit with its exit code."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        program(arguments)
    except Exception as error:
        if "--debug" in sys.argv[1:]:
            raise
        print(f"error: {message(error)}", file=sys.stderr)
        sys.exit(next((code for kind, code in _CODES if isinstance(error, kind)), 1))


def message(error: Exception) -> str:
    """The error in one line; for a parse error, the position follows below."""
    # Our errors and file errors of the system explain themselves; for all others, the type says most.
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
