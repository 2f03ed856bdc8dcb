"""Reading the description of a model from JSON, which has the same form in `zoo.json` and in the user's zoo."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import PlainNet
from PlainNet.sizes import read_size, sides
from pretrained.entry import PUBLISHED, SHIPPED, STRUCTURE, YOURS, Entry, Weights, ZooError

_HASH = re.compile(r"[0-9a-f]{64}")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file. Raises ZooError if it cannot be read or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ZooError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or nested too deeply
        raise ZooError(f"{path} is not valid JSON: {error}") from None


def read_entry(name: str, data: Any, folder: Path, origin: str | None = None) -> Entry:
    """Return the model that `data`, the content of JSON, describes.

    folder: the folder of the files that the description refers to.
    origin: one of those in entry.py; None derives it from the location of the weights.

    params and flops are counted if they are missing, and always for models of the user. Raises ZooError, with the key
    and what was expected, if the description is not valid.
    """
    if not isinstance(data, dict):
        raise ZooError("it is not a JSON object")
    known = {key: _checked(data, key) for key in _KEYS}
    for key in ("resolution", "crop_image_size"):
        known[key] = None if known[key] is None else read_size(known[key])
    weights = _weights(known.pop("weights"), folder)
    classes, num_classes = known.pop("classes"), known.pop("num_classes")
    if classes is not None and len(classes) != (num_classes or len(classes)):
        raise ZooError(f"classes has {len(classes)} names, but num_classes is {num_classes}")
    if classes is None and num_classes is None:
        raise ZooError("it lacks num_classes")
    known["num_classes"] = num_classes or len(classes)
    known["classes"] = None if classes is None else tuple(classes)
    known["crop_image_size"] = known["crop_image_size"] or known["resolution"]
    known["published"] = known["published"] or {}
    known["card"] = None if known["card"] is None else folder / known["card"]
    origin = origin or (SHIPPED if weights.file else PUBLISHED if weights.url else STRUCTURE)
    if origin == YOURS or known["params"] is None or known["flops"] is None:
        known.update(_counts(known))
    return Entry(name=name, origin=origin, weights=weights, **known)


def _counts(known: Mapping[str, Any]) -> dict[str, int]:
    try:
        sizes = {key: known[key] for key in ("resolution", "num_classes", "use_se")}
        cost = PlainNet.cost(known["structure"], **sizes)
    except PlainNet.StructureError as error:
        raise ZooError(f"its structure is not valid: {str(error).splitlines()[0]}") from None
    return {"params": cost.params, "flops": cost.flops}


def _weights(data: Mapping[str, Any], folder: Path) -> Weights:
    if not data:
        return Weights(None, None, None, None)
    file, url, path, sha256 = (data.get(key) for key in ("file", "url", "path", "sha256"))
    if sha256 is not None and not (isinstance(sha256, str) and _HASH.fullmatch(sha256)):
        raise ZooError(f"sha256 of its weights is {sha256!r}, expected 64 hexadecimal digits")
    if isinstance(file, str) and _is_file_name(file) and url is None and path is None:
        return Weights(folder / file, None, None, sha256)
    if file is None and isinstance(url, str) and url.startswith(("http://", "https://")) and _is_below(path):
        return Weights(None, url, path, sha256)
    raise ZooError(
        "its weights need either file (a name without folders) or url (http) and path (relative), or nothing if there "
        "are none"
    )


def _is_file_name(value: Any) -> bool:
    return isinstance(value, str) and value not in ("", "..") and PurePosixPath(value).name == value


def _is_below(value: Any) -> bool:
    path = PurePosixPath(value) if isinstance(value, str) else PurePosixPath("/")
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _is_count(value: Any, most: int = 2**63 - 1) -> bool:
    return type(value) is int and 1 <= value <= most


def _is_size(value: Any) -> bool:
    found = None if isinstance(value, str) else read_size(value)
    return found is not None and all(1 <= side <= _MOST_PIXELS for side in sides(found))


def _is_percentage(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 100


def _is_normalisation(value: Any) -> bool:
    def fits(key: str, least: float) -> bool:
        found = value.get(key)
        return isinstance(found, list) and all(type(v) in (int, float) and least <= v <= 1 for v in found)

    named = isinstance(value, dict) and set(value) == {"mean", "std"}
    return named and fits("mean", 0) and fits("std", 1e-6) and len(value["mean"]) == len(value["std"]) > 0


def _is_preparation(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"view", "white", "upright"}:
        return False
    white = value["white"]
    return (
        value["view"] in ("whole", "centre", None)
        and (white is None or (type(white) in (int, float) and 0 < white < math.inf))
        and isinstance(value["upright"], bool)
    )


def _is_published(value: Any) -> bool:
    return isinstance(value, dict) and all(type(v) in (int, float) and 0 < v < math.inf for v in value.values())


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(isinstance(v, str) for v in value)


_MOST_PIXELS, _MOST_CLASSES = 2048, 1_000_000
"""Larger ones take gigabytes."""
_COUNT = (_is_count, "a whole number of at least 1")
_PIXELS = (_is_size, f"a whole number from 1 to {_MOST_PIXELS}, or two: height and width")
_CLASSES = (lambda value: _is_count(value, _MOST_CLASSES), f"a whole number from 1 to {_MOST_CLASSES}")
_TEXT = (_is_text, "text")
_PER_CENT = (_is_percentage, "a number from 0 to 100")
_KEYS: dict[str, tuple[Callable[[Any], bool], str, bool]] = {
    "structure": (*_TEXT, True),
    "resolution": (*_PIXELS, True),
    "use_se": (lambda value: isinstance(value, bool), "true or false", True),
    "normalisation": (_is_normalisation, "mean and std, each a number from 0 to 1 for each channel", True),
    "weights": (lambda value: isinstance(value, dict), "an object", True),
    "preparation": (_is_preparation, "view (whole or centre), white (a number above 0) and upright", False),
    "num_classes": (*_CLASSES, False),
    "crop_image_size": (*_PIXELS, False),
    "bn_eps": (lambda value: type(value) in (int, float) and 0 < value <= 1, "a number above 0 and at most 1", False),
    "dataset": (*_TEXT, False),
    "val_fraction": (lambda value: type(value) is float and 0 < value < 1, "a number between 0 and 1", False),
    "classes": (_are_names, "a list of names", False),
    "params": (*_COUNT, False),
    "flops": (*_COUNT, False),
    "top1": (*_PER_CENT, False),
    "top5": (*_PER_CENT, False),
    "published": (_is_published, "an object of numbers above 0", False),
    "note": (*_TEXT, False),
    "card": (_is_file_name, "the name of a file", False),
    "source": (*_TEXT, False),
}
"""For each key: a check, what is expected in words, and whether the key is required."""


def _checked(data: Mapping[str, Any], key: str) -> Any:
    holds, expected, needed = _KEYS[key]
    value = data.get(key)
    if value is None:
        if needed:
            raise ZooError(f"it lacks {key}")
        return None
    if not holds(value):
        raise ZooError(f"its {key} is {str(value)[:80]!r}, expected {expected}")
    return value
