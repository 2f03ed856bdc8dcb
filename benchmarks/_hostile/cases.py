"""Running a case: it is accepted, refused by an error of this project, or it fails the benchmark."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple, TypeVar

from zennas.common.errors import ZennasError

T = TypeVar("T")

SECONDS = 30.0
"""A case that takes longer hangs."""
PARSE_LINES = 3
"""Errors of structures have a line with the text and one that points at the place."""


class Case(NamedTuple):
    """An input, and what the product does with it."""

    label: str
    run: Callable[[], object]


class HangError(BaseException):
    """A case took too long. Not an Exception, so that nothing catches it by mistake."""


def outcome(case: Case) -> str:
    """Return "accepted", "refused", or what went wrong, which begins with "RAW" or "HANG"."""
    try:
        with _limited():
            case.run()
    except (ZennasError, OSError) as error:
        text = str(error)
        if not text or text.count("\n") >= PARSE_LINES:
            return f"RAW a message of {text.count(chr(10)) + 1} lines from {case.label}: {text[:200]!r}"
        return "refused"
    except HangError:
        return f"HANG {case.label}"
    except BaseException as error:
        return f"RAW {type(error).__name__} from {case.label}: {str(error)[:200]}"
    return "accepted"


@contextmanager
def _limited() -> Iterator[None]:
    def stop(number: int, frame: Any) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, float("inf"), float("nan")),
    *("", "x", "1", "nan", "\x00", "\x1b[31mred", "é☃", "a" * 10_000, "../..", "[bold]", "%s", "1e999"),
    *([], [None], [1, 2, 3], ["a"] * 100, {}, {"a": 1}, {"": None}, [[[[]]]]),
)
"""Values of every JSON type, at the ends of their ranges."""


def replaced(content: Any, rng: Random) -> Any:
    """Return JSON content in which one value, anywhere, is replaced by an odd one, or one key is missing."""
    if isinstance(content, dict) and content and rng.random() < 0.9:
        key = rng.choice(sorted(content))
        if rng.random() < 0.15:
            return {k: v for k, v in content.items() if k != key}
        return {**content, key: replaced(content[key], rng)}
    if isinstance(content, list) and content and rng.random() < 0.8:
        place = rng.randrange(len(content))
        return [*content[:place], replaced(content[place], rng), *content[place + 1 :]]
    return rng.choice(ODD)


def mangled(content: bytes, rng: Random) -> bytes:
    """Return bytes that are cut, doubled, overwritten or mixed with others."""
    i, j = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    noise = rng.randbytes(rng.randint(1, 40))
    ways = (
        *(content[:i], content[i:], content[:i] + content[j:], content[:j] + content[i:], noise, b""),
        *(
            noise + content,
            content + noise,
            content[:i] + noise + content[j:],
            content[:i] + bytes(j - i) + content[j:],
        ),
    )
    return rng.choice(ways)
