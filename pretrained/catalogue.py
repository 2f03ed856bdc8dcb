"""The models that `zoo.json` lists: those of Zen-NAS, and those that this project has trained.

Its "defaults" have what the models of a data set share unless they say otherwise; "structure_file" names the file
that a structure is in, as Zen-NAS's does: CIFAR-10 and CIFAR-100 have the same three.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from pretrained.entry import Entry, ZooError
from pretrained.reading import read_entry, read_json

FOLDER = Path(__file__).parent
"""Where `zoo.json`, and the weights and cards that it names, are."""


def listed() -> dict[str, Entry]:
    """All models by name, in the file's order. Raises ZooError."""
    return _listed(FOLDER)


def structure_file(name: str) -> str | None:
    """The name of the file that its structure is in, beside `zoo.json`; None where it is in none."""
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
    """The structure, which is in a file or in the entry itself. Raises ZooError."""
    if "structure_file" not in own:
        return own.get("structure")
    path = folder / own["structure_file"]
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"{path} cannot be read: {error}") from None
