"""The errors of exports. Imports nothing heavy, because the command line knows their exit codes."""

from __future__ import annotations

from zennas.common.errors import ZennasError


class ExportError(ZennasError, RuntimeError):
    """A file cannot be made, or does not compute what the network does."""


class WrongPlaceError(ExportError):
    """There can be no file where the export is to be written."""


class AccuracyLossError(ExportError):
    """A file computes what the network does, but loses more accuracy than is allowed."""
