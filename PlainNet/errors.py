"""The base class of the errors that this project raises."""

from __future__ import annotations


class ZennasError(Exception):
    """The base class of the errors that this project raises. Catch it to catch all of them.

    Messages name the value, what was expected, and what to do. Each subclass also derives from the closest built-in
    error, such as `ValueError` or `RuntimeError`.
    """


def reason(error: BaseException) -> str:
    """Return the message of a foreign error in one line of at most 200 characters, or its type if it has none."""
    return " ".join(str(error).split())[:200] or type(error).__name__
