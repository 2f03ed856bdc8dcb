"""The models of the user: one folder per model, with `model.json` and `weights.pt`. `adding.py` changes them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pretrained.entry import YOURS, Entry, ZooError
from pretrained.leftovers import tidy
from pretrained.reading import read_entry, read_json

CARD_FILE, WEIGHTS_FILE = "model.json", "weights.pt"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""The valid names of users' models."""


def folder() -> Path:
    """Return the folder of the user's zoo: $ZENNAS_ZOO, or ~/.cache/zennas/zoo. It may not exist."""
    return Path(os.path.expanduser(os.environ.get("ZENNAS_ZOO") or "~/.cache/zennas/zoo"))


def names() -> list[str]:
    """Return the names of the user's models, including damaged ones, after what a killed process left is put in order.

    Raises ZooError if the folder cannot be read.
    """
    try:
        found = os.listdir(folder())
        if tidy(folder(), found):
            found = os.listdir(folder())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ZooError(
            f"the user zoo {folder()} cannot be read: {error.strerror}; set ZENNAS_ZOO to another folder"
        ) from None
    return sorted(name for name in found if NAME.fullmatch(name) and (folder() / name).is_dir())


def read(name: str) -> Entry:
    """Return the user's model named `name`. Raises ZooError if it is damaged."""
    place = folder() / name
    try:
        entry = read_entry(name, read_json(place / CARD_FILE), place, YOURS)
        if entry.weights.file is None or not os.path.isfile(entry.weights.file):
            raise ZooError(f"{entry.weights.file or WEIGHTS_FILE} does not exist")
    except ZooError as error:
        raise ZooError(
            f"model {name} in {folder()} is damaged: {error}; remove it with zennas zoo remove {name}"
        ) from None
    return entry
