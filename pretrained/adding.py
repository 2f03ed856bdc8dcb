"""Adding models to the user's zoo and removing them. `userzoo.py` reads them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from PlainNet import parse
from PlainNet.files import write_text
from pretrained.entry import YOURS, Entry, ZooError
from pretrained.exchanging import exchange
from pretrained.hashes import sha256_of
from pretrained.leftovers import discard, draft_of, old_of, removed_of
from pretrained.reading import read_entry
from pretrained.userzoo import CARD_FILE, NAME, WEIGHTS_FILE, folder, read


def check_name(name: str, taken: Collection[str]) -> None:
    """Raise ZooError if a user's model cannot have this name. taken: the names of other models."""
    if not NAME.fullmatch(name):
        raise ZooError(
            f"{name[:120]!r} cannot be the name of a model: expected 1 to 100 letters, digits, '.', '_' and '-', "
            "and neither '.' nor '-' at the start; choose another with --name"
        )
    if name.casefold() in {other.casefold() for other in taken}:
        raise ZooError(f"{name} is the name of a built-in model: choose another with --name")


def add(name: str, facts: Mapping[str, Any], weights: Path, *, replace: bool, taken: Collection[str]) -> Entry:
    """Add a model to the user's zoo, completely or not at all, and return its entry.

    facts: the fields that `reading.read_entry` reads, without weights.
    weights: the file of weights, which is copied.
    replace: whether to replace a model of the user that has the same name.
    taken: the names of built-in models.

    Raises ZooError if the name is taken, a field is not valid or the folder cannot be written, and CheckpointError if
    the weights do not fit the structure.
    """
    check_name(name, taken)
    target = folder() / name
    if os.path.lexists(target) and not replace:
        raise ZooError(f"{target} already exists: use --replace, or choose another name with --name")
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with draft_of(name, folder()) as draft:
            _fill(draft, name, facts, weights)
            _put(draft, target, replace)
    except OSError as error:
        raise ZooError(f"model {name} cannot be added to {folder()}: {error.strerror or error}") from None
    return read(name)


def _fill(draft: Path, name: str, facts: Mapping[str, Any], weights: Path) -> None:
    """Write the model into the empty folder `draft`. Raises ZooError, CheckpointError or OSError."""
    copy = draft / WEIGHTS_FILE
    shutil.copyfile(weights, copy)
    data = {**facts, "weights": {"file": WEIGHTS_FILE, "sha256": sha256_of(copy)}}
    try:
        entry = read_entry(name, data, draft, YOURS)
    except ZooError as error:
        raise ZooError(f"model {name} cannot be added to the zoo: {error}") from None
    _check_weights(entry, copy, weights)
    write_text(draft / CARD_FILE, json.dumps(data, indent=1) + "\n")
    os.chmod(draft, 0o755)  # mkdtemp makes it private


def _check_weights(entry: Entry, copy: Path, original: Path) -> None:
    from PlainNet.checkpoint import CheckpointError, load_checkpoint
    from PlainNet.masternet import build  # torch takes seconds to import

    network = build(parse(entry.structure), num_classes=entry.num_classes, use_se=entry.use_se)
    try:
        load_checkpoint(network, copy)
    except CheckpointError as error:
        raise CheckpointError(str(error).replace(str(copy), str(original))) from None


def _put(draft: Path, target: Path, replace: bool) -> None:
    """Rename `draft` to `target`. With `replace`, it is exchanged with an existing model, which is then deleted.

    Where folders cannot be exchanged, there is a moment without a model; `leftovers.tidy` puts back the old one if the
    process is killed then.
    """
    if not replace or not os.path.lexists(target):
        os.rename(draft, target)
    elif exchange(draft, target):
        discard(draft)
    else:
        with old_of(draft, target) as old:
            os.rename(target, old)
            try:
                os.rename(draft, target)
            except OSError:
                os.rename(old, target)
                raise
            discard(old)


def remove(name: str) -> None:
    """Remove a model from the user's zoo, even if it is damaged. Raises ZooError if it cannot be removed."""
    target = folder() / name
    hidden = removed_of(target)
    try:
        discard(hidden)
        os.rename(target, hidden)  # removes it at once, even if deleting fails
        discard(hidden)
    except OSError as error:
        raise ZooError(f"{target} cannot be removed: {error.strerror or error}") from None
