"""The errors that the whole application shares. Errors of a single room are defined there and derive from these.

`ZennasError` is the base of all errors of this project, including those of `PlainNet` and the other packages. It lets
the command line distinguish them from errors of libraries.
"""

from __future__ import annotations

from PlainNet.errors import ZennasError

__all__ = ["SettingsError", "WrongSettingError", "ZennasError"]


class SettingsError(ZennasError, ValueError):
    """Settings contradict each other or cannot be read."""


class WrongSettingError(SettingsError):
    """A setting is missing, has the wrong type or is out of range."""
