"""The base of all errors that this project raises on purpose."""

from __future__ import annotations


class ZennasError(Exception):
    """An error of this project: its message is one line that names the value, the limit and the way out.

    Catch it to catch all of them. Each kind also derives from the built-in error it is closest to, `ValueError` or
    `RuntimeError`.
    """
