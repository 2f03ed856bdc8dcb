"""How a network's images are prepared, as it is stored with its weights. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zennas.data.base import DataError, Decoding, Shown, View
from zennas.data.packed import is_packed
from zennas.data.registry import known_dataset, named_in

BEFORE = Decoding(white=65535.0, upright=False)
"""How earlier versions decoded images, and how Zen-NAS did."""
KEY = "preparation"
"""Name of the record in the card of a training, and in a zoo."""


def record_of(shown: Shown) -> dict[str, Any]:
    """Return view, value of white and orientation, JSON-compatible; None for a view that is not known."""
    return {"view": shown.view, "white": shown.decoding.white, "upright": shown.decoding.upright}


def recorded(facts: Mapping[str, Any], name: str = "") -> tuple[View | None, Decoding]:
    """Return how the images of a trained network are viewed and decoded.

    facts: its card or its description in a zoo. If they contain no record, an earlier version wrote them, and the data
    set decides: its images are prepared as they were then. name: the network's, which may contain that of a data set.

    Raises DataError if the record is damaged.
    """
    found = facts.get(KEY)
    if found is None:
        return _earlier(facts.get("dataset"), name), BEFORE
    if not isinstance(found, dict) or set(found) != {"view", "white", "upright"}:
        raise DataError(f"{KEY} is {str(found)[:100]}, expected view, white and upright")
    view: Any = found["view"]
    if view not in ("whole", "centre", None):
        raise DataError(f"view of the {KEY} is {str(view)[:100]!r}, expected whole or centre")
    return view, Decoding(found["white"], found["upright"])


def _earlier(dataset: Any, name: str) -> View | None:
    """The view in trainings of earlier versions: folders held photographs, and images decided about archives."""
    named = dataset if isinstance(dataset, str) else ""
    known = known_dataset(named) or named_in(named if named and "/" not in named else name)
    if known is not None:
        return "centre" if known.usual.crop == "resized" else "whole"
    return None if not named or is_packed(Path(named)) else "centre"
