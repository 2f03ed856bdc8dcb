"""Checks what a profile says about itself: the texts, held-out errors and reference networks of its card. No torch.

The checks of single values, `text`, `whole` and `number`, are those of the rest of the file too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

_MOST_TEXT = 10_000
_NAME = 200
"""Characters of a name."""


def check_about(about: dict[str, Any]) -> None:
    """Check the content of a card. Raises ValueError, which names the first wrong field and its value.

    Fields that the card does not show may have any value, as long as its numbers are finite.
    """
    for name in ("source", "method", "limits"):
        if name in about:
            value = about[name]
            expect(isinstance(value, str) and len(value) <= _MOST_TEXT, f"about.{name}", value, "text")
    held_out = about.get("held_out", {})
    expect(isinstance(held_out, dict), "about.held_out", held_out, "errors by name")
    for name, values in held_out.items():
        text("name of held-out values", name)
        _fields(f"held_out of {name}", values, _ERRORS)
    references = about.get("reference", [])
    expect(isinstance(references, list), "about.reference", references, "a list of networks")
    for one in references:
        _fields("reference", one, _REFERENCE)
    _finite(about)


def _percent(name: str, value: Any) -> None:
    number(name, value, most=100)


def _rank(name: str, value: Any) -> None:
    if value is not None:
        number(name, value, least=-1, most=1)


def _flag(name: str, value: Any) -> None:
    expect(isinstance(value, bool), name, value, "true or false")


def _structure(name: str, value: Any) -> None:
    expect(isinstance(value, str) and 0 < len(value) <= _MOST_TEXT, name, value, "a structure")


def _pixels(name: str, value: Any) -> None:
    whole(name, value, most=1 << 14)


def _time(name: str, value: Any) -> None:
    number(name, value, least=1e-9, most=1e9)


def text(name: str, value: Any) -> None:
    """Raise ValueError unless `value` is text of one line that can be printed, and not too long for a name."""
    fits = isinstance(value, str) and 0 < len(value) <= _NAME and value.isprintable()
    expect(fits, name, value, f"one line of at most {_NAME} printable characters")


def whole(name: str, value: Any, *, least: int = 1, most: int = 1 << 40) -> None:
    """Raise ValueError unless `value` is a whole number from `least` to `most`; true and 3.0 are not."""
    fits = isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
    expect(fits, name, value, f"a whole number from {least} to {most}")


def number(name: str, value: Any, *, least: float = 0.0, most: float = 1e12) -> None:
    """Raise ValueError unless `value` is a number from `least` to `most`; NaN and infinities are not."""
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most
    expect(fits, name, value, f"a number from {least:g} to {most:g}")


_ERRORS: dict[str, Callable[[str, Any], None]] = {
    "count": whole,
    "mape": number,
    "rmspe": number,
    "within5": _percent,
    "within10": _percent,
    "spearman": _rank,
}
"""The fields of `latency.fitting.errors.Errors`."""
_REFERENCE: dict[str, Callable[[str, Any], None]] = {
    "structure": _structure,
    "resolution": _pixels,
    "num_classes": whole,
    "use_se": _flag,
    "whole_ms": _time,
}


def _fields(what: str, values: Any, known: dict[str, Callable[[str, Any], None]]) -> None:
    same = isinstance(values, dict) and set(values) == set(known)
    expect(same, what, list(values) if isinstance(values, dict) else values, ", ".join(known))
    for name, fits in known.items():
        fits(f"{name} of {what}", values[name])


def _finite(value: Any) -> None:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            _finite(one)
    elif isinstance(value, float):
        expect(math.isfinite(value), "a number of about", value, "a finite one")


def expect(holds: object, name: str, value: Any, expected: str) -> None:
    """Raise ValueError, which names the field, its value and what was expected, unless `holds`."""
    if not holds:
        raise ValueError(f"{name} is {str(value)[:40]!r}, expected {expected}")
