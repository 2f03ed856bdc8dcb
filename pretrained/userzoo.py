"""The user's own models: a folder a model, named like it, with `model.json` and `weights.pt`. See `adding.py`."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pretrained.entry import YOURS, Entry, ZooError
from pretrained.reading import read_entry, read_json

CARD_FILE, WEIGHTS_FILE = "model.json", "weights.pt"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""What a model of one's own can be called."""


def folder() -> Path:
    """$ZENNAS_ZOO, else ~/.cache/zennas/zoo; it need not be there."""
    return Path(os.path.expanduser(os.environ.get("ZENNAS_ZOO") or "~/.cache/zennas/zoo"))


def names() -> list[str]:
    """Of all models, damaged ones too. Raises ZooError where the folder cannot be read."""
    try:
        found = os.listdir(folder())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ZooError(
            f"the user zoo {folder()} cannot be read: {error.strerror}; name another folder with ZENNAS_ZOO"
        ) from None
    return sorted(name for name in found if NAME.fullmatch(name) and (folder() / name).is_dir())


def read(name: str) -> Entry:
    """The model of that name. Raises ZooError where it is damaged."""
    place = folder() / name
    try:
        entry = read_entry(name, read_json(place / CARD_FILE), place, YOURS)
        if entry.weights.file is None or not os.path.isfile(entry.weights.file):
            raise ZooError(f"{entry.weights.file or WEIGHTS_FILE} is not there")
    except ZooError as error:
        raise ZooError(
            f"model {name} in {folder()} is damaged: {error}; take it out with zennas zoo remove {name}"
        ) from None
    return entry
