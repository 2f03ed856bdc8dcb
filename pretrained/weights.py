"""Finding the weights of a model and loading them into a network. torch is imported only when weights are loaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pretrained.entry import YOURS, Entry
from pretrained.hashes import record_of, recorded, sha256_of

if TYPE_CHECKING:
    from PlainNet.masternet import MasterNet

CACHED, ADDRESS, MISSING, NONE = "cached", "address", "missing", "none"
"""States of weights in addition to the origins in entry.py: in the cache, to be downloaded, missing, or none at all."""


def place(entry: Entry, cache: Path) -> Path | None:
    """Return the path of the file of weights, whether it exists or not; None for a model without weights.

    cache: the folder of downloaded weights.
    """
    if entry.weights.file is not None or entry.weights.path is None:
        return entry.weights.file
    return Path(os.path.expanduser(cache)) / entry.weights.path


def state(entry: Entry, cache: Path) -> str:
    """Return the state of a model's weights, given the folder of downloaded weights.

    "shipped" or "yours": stored with the model. "cached": downloaded. "address": not downloaded yet. "missing": not
    found, although it should be stored with the model. "none": a structure without weights.
    """
    path = place(entry, cache)
    if path is None:
        return NONE
    if not os.path.isfile(path):
        return MISSING if entry.weights.url is None else ADDRESS
    return entry.origin if entry.weights.url is None else CACHED


def load(network: MasterNet, entry: Entry, cache: Path) -> None:
    """Load a model's weights into `network`, and download them to the folder `cache` if necessary.

    Raises CheckpointError if the weights are missing, damaged or do not fit, and DownloadError, a CheckpointError, if
    they cannot be downloaded.
    """
    from PlainNet.checkpoint import CheckpointError, load_checkpoint

    path, weights = place(entry, cache), entry.weights
    if path is None:
        raise CheckpointError(
            f"the zoo has {entry.name} as a structure without weights: train it, or pass a file with checkpoint=PATH "
            "(--checkpoint PATH)"
        )
    if os.path.isfile(path):
        try:
            _verify(path, weights.sha256 or recorded(path))
        except OSError as error:
            raise CheckpointError(f"{error.filename or path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise CheckpointError(f"{error}; {_remedy(entry, path)}") from None
        load_checkpoint(network, path)
    elif weights.url is None:
        raise CheckpointError(f"the weights of {entry.name} are not in {path}: {_remedy(entry, path)}")
    else:
        from pretrained.download import download

        download(entry.name, weights.url, path, weights.sha256, lambda draft: load_checkpoint(network, draft))


def _verify(path: Path, expected: str | None) -> None:
    """Raise ValueError if the file does not have the expected hash, and OSError if it cannot be read."""
    if expected is not None and (found := sha256_of(path)) != expected:
        raise ValueError(f"{path} has changed or is damaged: its SHA-256 is {found}, expected {expected}")


def _remedy(entry: Entry, path: Path) -> str:
    if entry.weights.url is not None:
        return f"delete it and {record_of(path)} to download it again"
    if entry.origin == YOURS:
        return f"add the model again, or remove it with zennas zoo remove {entry.name}"
    return "install zennas again, or pass a file with checkpoint=PATH (--checkpoint PATH)"
