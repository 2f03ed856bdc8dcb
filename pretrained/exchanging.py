"""Exchanging two folders in one step, so that a reader sees the old one or the new one, whatever happens."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

_FROM_HERE = -100
"""AT_FDCWD: paths are relative to the current folder."""
_SWAP = 2
"""RENAME_EXCHANGE of Linux and RENAME_SWAP of macOS."""
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two existing paths in one step; return False if the system or the file system cannot.

    Raises OSError if it can, but is not allowed to.
    """
    try:
        library = ctypes.CDLL(None, use_errno=True)
        paths = os.fsencode(one), os.fsencode(other)
        if sys.platform == "darwin":
            failed = library.renamex_np(*paths, ctypes.c_uint(_SWAP))
        else:
            failed = library.renameat2(_FROM_HERE, paths[0], _FROM_HERE, paths[1], ctypes.c_uint(_SWAP))
    except (OSError, AttributeError, TypeError):  # no such library or function
        return False
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(one))
