"""Numbers as people write them: `1e6`, `1M`, `400m`, `1.5G`, and back."""

from __future__ import annotations

import re

_SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}
_NUMBER = re.compile(r"([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*([kmgbt]?)", re.IGNORECASE)


def parse_count(text: str) -> int:
    """A positive whole number from `1000000`, `1e6`, `1M` or `1,000,000`; raises ValueError."""
    found = _NUMBER.fullmatch(text.strip().replace(",", "").replace("_", ""))
    if found is None:
        raise ValueError(f"{text!r} is no number; expected something like 1e6, 1M or 1000000")
    value = float(found.group(1)) * _SUFFIXES[found.group(2).lower()]
    if not 1 <= value < 2**63:
        raise ValueError(f"{text!r} is out of range; expected a number from 1 to 9e18")
    return round(value)


def format_count(value: float) -> str:
    """`994674` as `995k`, `485713920` as `486M`: three significant digits."""
    for size, suffix in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size * 0.9995:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}"
