"""The errors that the whole application shares. The kinds of a single room stand in that room and derive from these.

`ZennasError` is the base of all errors of this project, those of `PlainNet` and its siblings too. The command line
tells them by it from errors of a library.
"""

from __future__ import annotations

from PlainNet.errors import ZennasError

__all__ = ["SettingsError", "WrongSettingError", "ZennasError"]


class SettingsError(ZennasError, ValueError):
    """Settings that contradict each other or cannot be read."""


class WrongSettingError(SettingsError):
    """A setting of the wrong kind or out of its range, or one that is missing."""
