"""The models that `zoo.json` lists: those of Zen-NAS, and those that this project has trained.

Its "defaults" have what the models of a data set share unless they say otherwise; "structure_of" names the model
whose structure is meant.
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


@lru_cache(maxsize=4)
def _listed(folder: Path) -> dict[str, Entry]:
    path = folder / "zoo.json"
    content = read_json(path)
    return {name: _entry(name, content, folder) for name in content["models"]}


def _entry(name: str, content: dict[str, Any], folder: Path) -> Entry:
    own = content["models"][name]
    shared = content["defaults"].get(own.get("dataset"), {})
    structure = content["models"][own["structure_of"]]["structure"] if "structure_of" in own else own.get("structure")
    try:
        return read_entry(name, {**shared, **own, "structure": structure}, folder)
    except ZooError as error:
        raise ZooError(f"{folder / 'zoo.json'}, {name}: {error}") from None
