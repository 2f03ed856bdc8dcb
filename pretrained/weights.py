"""Where a model's weights are, and how they get into a network. Imports torch when weights are loaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pretrained.entry import YOURS, Entry
from pretrained.hashes import record_of, recorded, sha256_of

if TYPE_CHECKING:
    from PlainNet.masternet import MasterNet

CACHED, ADDRESS, MISSING = "cached", "address", "missing"
"""States of weights, beside those that entry.py has for origins."""


def place(entry: Entry, cache: Path) -> Path:
    """Where the file with the weights is, or belongs."""
    if entry.weights.file is not None:
        return entry.weights.file
    assert entry.weights.path is not None
    return Path(os.path.expanduser(cache)) / entry.weights.path


def state(entry: Entry, cache: Path) -> str:
    """Shipped or yours, with the model; cached; address, to be downloaded; or missing, which should be there."""
    if not os.path.isfile(place(entry, cache)):
        return MISSING if entry.weights.url is None else ADDRESS
    return entry.origin if entry.weights.url is None else CACHED


def load(network: MasterNet, entry: Entry, cache: Path) -> None:
    """Load the model's weights, from the address where they are not here. Raises CheckpointError, DownloadError."""
    from PlainNet.checkpoint import CheckpointError, load_checkpoint

    path, weights = place(entry, cache), entry.weights
    if os.path.isfile(path):
        try:
            _verify(path, weights.sha256 or recorded(path))
        except OSError as error:
            raise CheckpointError(f"{error.filename or path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise CheckpointError(f"{error}: {_remedy(entry, path)}") from None
        load_checkpoint(network, path)
    elif weights.url is None:
        raise CheckpointError(f"the weights of {entry.name} are not in {path}: {_remedy(entry, path)}")
    else:
        from pretrained.download import download

        download(entry.name, weights.url, path, weights.sha256, lambda draft: load_checkpoint(network, draft))


def _verify(path: Path, expected: str | None) -> None:
    """Raises ValueError where the file is not the one that was expected, OSError."""
    if expected is not None and (found := sha256_of(path)) != expected:
        raise ValueError(f"{path} has changed or is damaged, its SHA-256 is {found}, expected {expected}")


def _remedy(entry: Entry, path: Path) -> str:
    if entry.weights.url is not None:
        return f"delete it and {record_of(path)}, and it is downloaded again"
    if entry.origin == YOURS:
        return f"add the model again, or take it out with zennas zoo remove {entry.name}"
    return "install zennas again, or name a file with checkpoint=PATH (--checkpoint PATH)"
