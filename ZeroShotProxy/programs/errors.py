"""The errors of programs."""

from __future__ import annotations

from PlainNet.errors import ZennasError
from ZeroShotProxy.base import ProxyError, WrongProxyError


class ProgramError(ProxyError):
    """Raised if a program cannot run on a network, for example if an operation does not take tensors of a shape."""


class WrongProgramError(ProgramError, WrongProxyError):
    """The text or the file of a program is not valid, whatever the network."""


class WritingError(ZennasError, RuntimeError):
    """An operation has written into its argument. What is evaluated afterwards would be wrong, so nothing goes on."""
