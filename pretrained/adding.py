"""Putting models into the user's own zoo, and taking them out. `userzoo.py` reads them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from PlainNet import parse
from PlainNet.files import write_text
from pretrained.entry import YOURS, Entry, ZooError
from pretrained.hashes import sha256_of
from pretrained.reading import read_entry
from pretrained.userzoo import CARD_FILE, NAME, WEIGHTS_FILE, folder, read


def check_name(name: str, taken: Collection[str]) -> None:
    """Raises ZooError for a name that no model of one's own can have. taken: names of other models."""
    if not NAME.fullmatch(name):
        raise ZooError(
            f"{name[:120]!r} cannot be a model's name: it has to be of 1 to 100 letters, digits, '.', '_' and '-', "
            "beginning with none of the latter; choose another with --name"
        )
    if name.casefold() in {other.casefold() for other in taken}:
        raise ZooError(f"{name} is the name of a model that comes with zennas: choose another with --name")


def add(name: str, facts: Mapping[str, Any], weights: Path, *, replace: bool, taken: Collection[str]) -> Entry:
    """Put a model into the zoo, whole or not at all; the file of weights is copied.

    facts: what `reading.read_entry` reads, but weights. Raises ZooError; CheckpointError where the weights do not fit.
    """
    check_name(name, taken)
    target = folder() / name
    if os.path.lexists(target) and not replace:
        raise ZooError(f"{target} is there already: give --replace, or another name with --name")
    try:
        folder().mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder(), prefix=f".{name}."))
        try:
            _fill(draft, name, facts, weights)
            _put(draft, target, replace)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise ZooError(f"model {name} cannot be put into {folder()}: {error.strerror or error}") from None
    return read(name)


def _fill(draft: Path, name: str, facts: Mapping[str, Any], weights: Path) -> None:
    """Write the model into an empty folder. Raises ZooError, CheckpointError, OSError."""
    copy = draft / WEIGHTS_FILE
    shutil.copyfile(weights, copy)
    data = {**facts, "weights": {"file": WEIGHTS_FILE, "sha256": sha256_of(copy)}}
    try:
        entry = read_entry(name, data, draft, YOURS)
    except ZooError as error:
        raise ZooError(f"model {name} cannot be put into the zoo: {error}") from None
    _check_weights(entry, copy, weights)
    write_text(draft / CARD_FILE, json.dumps(data, indent=1) + "\n")
    os.chmod(draft, 0o755)  # mkdtemp keeps it from others


def _check_weights(entry: Entry, copy: Path, original: Path) -> None:
    from PlainNet.checkpoint import CheckpointError, load_checkpoint
    from PlainNet.masternet import build  # torch takes seconds to import

    network = build(parse(entry.structure), num_classes=entry.num_classes, use_se=entry.use_se)
    try:
        load_checkpoint(network, copy)
    except CheckpointError as error:
        raise CheckpointError(str(error).replace(str(copy), str(original))) from None


def _put(draft: Path, target: Path, replace: bool) -> None:
    """Rename; with `replace`, what is there already goes away when the new one is in its place."""
    old = draft.with_name(f"{draft.name}.old")
    if replace and os.path.lexists(target):
        os.rename(target, old)
    try:
        os.rename(draft, target)
    except OSError:
        if os.path.lexists(old):
            os.rename(old, target)
        raise
    _discard(old)


def remove(name: str) -> None:
    """Take a model out of the zoo, a damaged one too. Raises ZooError."""
    target = folder() / name
    hidden = target.with_name(f".{name}.removed")
    try:
        _discard(hidden)
        os.rename(target, hidden)  # gone at once, whatever becomes of what follows
        _discard(hidden)
    except OSError as error:
        raise ZooError(f"{target} cannot be removed: {error.strerror or error}") from None


def _discard(place: Path) -> None:
    """Delete a folder, or a link that stands for one; nothing where nothing is."""
    if place.is_symlink():
        place.unlink()
        return
    with suppress(FileNotFoundError):
        shutil.rmtree(place)
