"""The built-in models, which `zoo.json` lists: the models of Zen-NAS, and models that this project trained.

"defaults" in `zoo.json` has the common fields of all models for a data set. "structure_file" is the name of a file with
the structure; as in Zen-NAS, models for CIFAR-10 and CIFAR-100 share three of these files.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from pretrained.entry import Entry, ZooError
from pretrained.reading import read_entry, read_json

FOLDER = Path(__file__).parent
"""The folder of `zoo.json`, and of the weights and cards that it refers to."""


def listed() -> dict[str, Entry]:
    """Return the built-in models by name, in the order of the file. Raises ZooError if `zoo.json` is not valid."""
    return _listed(FOLDER)


def structure_file(name: str) -> str | None:
    """Return the name of the file with a model's structure, in the folder of `zoo.json`, or None if there is none."""
    found: str | None = read_json(FOLDER / "zoo.json")["models"][name].get("structure_file")
    return found


@lru_cache(maxsize=4)
def _listed(folder: Path) -> dict[str, Entry]:
    path = folder / "zoo.json"
    content = read_json(path)
    return {name: _entry(name, content, folder) for name in content["models"]}


def _entry(name: str, content: dict[str, Any], folder: Path) -> Entry:
    own = content["models"][name]
    shared = content["defaults"].get(own.get("dataset"), {})
    try:
        return read_entry(name, {**shared, **own, "structure": _structure(own, folder)}, folder)
    except ZooError as error:
        raise ZooError(f"{folder / 'zoo.json'}, {name}: {error}") from None


def _structure(own: dict[str, Any], folder: Path) -> Any:
    """The structure of an entry, which is in a file or in the entry itself. Raises ZooError."""
    if "structure_file" not in own:
        return own.get("structure")
    path = folder / own["structure_file"]
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"{path} cannot be read: {error}") from None
