"""Numbers as people write them, such as `1e6`, `1M`, `400m` and `1.5G`."""

from __future__ import annotations

import re
from decimal import Decimal

LARGEST = 2**63 - 1
_SUFFIXES = {"": 0, "k": 3, "m": 6, "g": 9, "b": 9, "t": 12}
_NUMBER = re.compile(r"([+-]?[0-9]*\.?[0-9]+)(?:e([+-]?[0-9]{1,6}))?\s*([kmgbt]?)", re.IGNORECASE)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_BETWEEN_THOUSANDS = re.compile(r"(?<=[0-9])[,_](?=[0-9]{3}(?![0-9]))")  # not the comma of 1,5


def parse_count(text: str, least: int = 1, most: int = LARGEST) -> int:
    """Return the whole number that a text like `1000000`, `1e6`, `1M` or `1,000,000` stands for.

    Raises ValueError if it is not a whole number from `least` to `most`.
    """
    expected = f"expected a whole number {range_text(least, most)}"
    plain = _BETWEEN_THOUSANDS.sub("", text.strip())
    found = _NUMBER.fullmatch(plain)
    if found is None:
        if _NOT_FINITE.fullmatch(plain):
            raise ValueError(f"{text[:80]!r} is out of range; {expected}")
        raise ValueError(f"{text[:80]!r} is not a number; {expected}, like 1000, 1e3 or 1k")
    mantissa, exponent, suffix = found.groups()
    value = Decimal(f"{mantissa}e{int(exponent or 0) + _SUFFIXES[suffix.lower()]}")  # exact, however many digits
    if not least <= value <= most:
        limits = range_text(least, most, value)
        raise ValueError(f"{text[:80]!r} is out of range; expected a whole number {limits}")
    if value != value.to_integral_value():
        raise ValueError(f"{text[:80]!r} is not a whole number; {expected}")
    return int(value)


def range_text(least: int, most: int, value: float | Decimal = 0) -> str:
    """Return a range as text; the largest whole number is only named for a `value` beyond it."""
    return f"of at least {least}" if most >= LARGEST and value <= most else f"from {least} to {most}"


def format_count(value: float) -> str:
    """Return a number with three significant digits: `995k` for 994674, `486M` for 485713920."""
    for size, suffix in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= size * 0.9995:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}"


def format_bytes(value: float) -> str:
    """Return a size with three significant digits: `3.06 MiB` for 3211264 bytes, `72 B` for 72."""
    for size, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= size * 0.9995:
            return f"{value / size:.3g} {unit}" if value < 999.5 * size else f"{value / size:,.0f} {unit}"
    return f"{value:.0f} B"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 layer`, `18 layers`, `1,437 images`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def in_milliseconds(seconds: float) -> float:
    """Return seconds as milliseconds, rounded: 1.2e-3 s is 1.2 ms, not 1.1999999999999997."""
    return float(f"{seconds * 1000:.12g}")
