"""The error of supernets."""

from __future__ import annotations

from zennas.common.errors import ZennasError


class SupernetError(ZennasError, ValueError):
    """Choices do not fit together, a cost is not known for a candidate, or a file belongs to another space."""
