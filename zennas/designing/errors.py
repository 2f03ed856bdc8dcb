"""The errors of this room."""

from __future__ import annotations

from zennas.common.errors import WrongSettingError, ZennasError


class DesignError(ZennasError, RuntimeError):
    """A folder has no design, or one that cannot be read or continued."""


class MinutesError(WrongSettingError):
    """The minutes are too few, even for a small network."""
