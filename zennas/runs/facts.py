"""The shapes of the facts that runs store, checked when a run is opened."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from zennas.runs.errors import StoreError

if TYPE_CHECKING:
    from zennas.runs.database import Database

LONGEST_SECONDS = 1e11
"""Larger than any time of a run, in seconds, and still a date that Python knows."""


def check_facts(db: Database) -> None:
    """Raise StoreError if a fact does not have its shape. A fact can be missing, and be null."""
    for (name,) in db.rows("SELECT name FROM facts"):
        shape = SHAPES.get(name)
        if shape is None:
            continue
        value = db.fact(name)
        fits, expected = shape
        if value is not None and not fits(value):
            raise StoreError(f"{db.path} is damaged: {name} is {_short(value)}, expected {expected}")


def whole(value: Any) -> bool:
    """Whether it is a whole number from 0 that fits a column of the file."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _seconds(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value <= LONGEST_SECONDS


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _ids(value: Any) -> bool:
    return isinstance(value, list) and all(map(whole, value))


def _progress(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    rejected = value.get("rejected", {})
    counts = (value.get("tried", 0), value.get("scored", 0), value.get("kept", 0))
    return all(map(whole, counts)) and isinstance(rejected, Mapping) and all(map(whole, rejected.values()))


def _latency(value: Any) -> bool:
    return isinstance(value, Mapping) and all(map(_device, value.values()))


def _device(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    failed, outside, absent = value.get("failed"), value.get("outside", []), value.get("absent")
    return (
        _ids(value.get("measured"))
        and isinstance(failed, Mapping)
        and all(map(_text, failed.values()))
        and isinstance(outside, list)
        and all(map(_text, outside))
        and (absent is None or _text(absent))
    )


def _here(value: Any) -> bool:
    if not isinstance(value, Mapping) or set(value) != {"ms", "way", "spread", "device", "conditions", "resnet"}:
        return False
    resnet, texts = value["resnet"], [value[name] for name in ("way", "spread", "device", "conditions")]
    return _milliseconds(value["ms"]) and all(map(_text, texts)) and (resnet is None or _yardstick(resnet))


def _yardstick(value: Any) -> bool:
    known = isinstance(value, Mapping) and set(value) == {"name", "flops", "ms"}
    return known and _text(value["name"]) and whole(value["flops"]) and _milliseconds(value["ms"])


def _milliseconds(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and value >= 0


def _images(value: Any) -> bool:
    return isinstance(value, Mapping) and _text(value.get("note")) and _text(value.get("digest"))


def _confirmation(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    repeats, undecided = value.get("repeats"), value.get("undecided")
    names = {"proxy", "measure", "how", "batch_size", "evaluations", "most", "repeats", "undecided", "stopped"}
    return (
        value.keys() == names
        and all(_text(value.get(name)) for name in ("proxy", "measure", "how", "stopped"))
        and all(whole(value.get(name)) for name in ("batch_size", "evaluations", "most"))
        and isinstance(repeats, Mapping)
        and all(number.isdecimal() and len(number) < 20 and whole(count) for number, count in repeats.items())
        and (undecided is None or whole(undecided))
    )


def _hypervolume(value: Any) -> bool:
    if not isinstance(value, Mapping) or value.keys() != {"worst", "span", "history"}:
        return False
    worst, span, history = value["worst"], value["span"], value["history"]
    lists = isinstance(worst, list) and isinstance(span, list) and isinstance(history, list) and len(history) > 0
    return (
        lists
        and len(worst) == len(span)
        and all(map(_finite, [*worst, *span]))
        and all(isinstance(one, list) and len(one) == 2 and whole(one[0]) and _finite(one[1]) for one in history)
    )


def _learned(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_text(one) or _finite(one) for one in value.values())


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


Shape = tuple[Callable[[Any], bool], str]

SHAPES: Mapping[str, Shape] = {
    "kind": (lambda value: value in ("search", "correlate"), "search or correlate"),
    "status": (_text, "text"),
    "error": (_text, "text"),
    "created": (_seconds, "seconds"),
    "finished": (_seconds, "seconds"),
    "seconds": (_seconds, "seconds"),
    "best": (whole, "the number of a candidate"),
    "confirmed": (_ids, "the numbers of candidates"),
    "front": (_ids, "the numbers of candidates"),
    "hypervolume": (_hypervolume, "a scale and a history"),
    "learned": (_learned, "names with numbers or texts"),
    "confirmation": (_confirmation, "a proxy and its evaluations"),
    "progress": (_progress, "counts"),
    "state": (_progress, "the state of a search"),
    "latency": (_latency, "measured and failed candidates for each device"),
    "latency_here": (_here, "a latency, how it is known, and that of a ResNet"),
    "images": (_images, "a note and a digest"),
    "settings": (_mapping, "names with values"),
    "environment": (_mapping, "names with values"),
    "sample": (_mapping, "names with values"),
    "columns": (_mapping, "names with values"),
    "statistics": (_mapping, "names with values"),
    "regret": (_mapping, "names with values"),
    "profile_digests": (_mapping, "names with values"),
}
"""For the name of each fact, what it must be: a test, and words for messages."""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
