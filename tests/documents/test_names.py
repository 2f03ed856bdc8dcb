"""The names of our packages in documents and docstrings can be imported."""

from __future__ import annotations

import importlib
import re
from typing import Any

from .reading import GUIDES, PACKAGES, REGISTRIES, docstrings, label, python_files


def test_names_of_our_packages_in_backticks_can_be_imported() -> None:
    dotted = re.compile(rf"`((?:{'|'.join((*PACKAGES, 'ZenNet'))})(?:\.\w+)+)")
    named = {(label(path), name) for path in GUIDES for name in dotted.findall(path.read_text())}
    named |= {
        (label(path), name) for path in python_files() for text in docstrings(path) for name in dotted.findall(text)
    }
    # Files; a module of Zen-NAS's; groups of entry points.
    groups = "|".join(registry.group.removeprefix("zennas.") for registry in REGISTRIES)
    other = re.compile(rf"\.(py|md|json)$|^PlainNet\.super_blocks$|^zennas\.({groups})$")
    missing = [f"{where} names {name}" for where, name in sorted(named) if not other.search(name) and not found(name)]
    assert missing == []


def found(name: str) -> bool:
    """Whether a dotted name is a module, or can be had from one."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            # A field of a dataclass without a default is an annotation only.
            if not hasattr(value, part) and part not in getattr(value, "__annotations__", {}):
                return False
            value = getattr(value, part, None)
        return True
    return False
