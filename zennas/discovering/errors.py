"""The errors of this room."""

from __future__ import annotations

from zennas.common.errors import ZennasError


class DiscoveryError(ZennasError, ValueError):
    """What is asked for makes no sense, for example accuracies that are all equal."""


class CacheError(ZennasError, RuntimeError):
    """A folder of statistics is damaged, foreign, or was made with other settings. The message names the file."""
