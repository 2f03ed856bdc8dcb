"""What the programs with Zen-NAS's flags share: kinds of arguments, for argparse."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

from zennas.numbers import LARGEST, parse_count


def count(least: int = 1, most: int = LARGEST) -> Callable[[str], int]:
    """Whole numbers like 480000, 1e6 and 1M."""

    def number(text: str) -> int:
        try:
            return parse_count(text, least, most)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from None

    return number


def folder(text: str) -> Path:
    # Path("") would be the folder one is in.
    if not text:
        raise ArgumentTypeError("the name is empty, expected a folder")
    return Path(text)


def above_zero(text: str) -> float:
    """A finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no number, expected one above 0") from None
    if not 0 < value < math.inf:
        raise ArgumentTypeError(f"{text} is out of range, expected a number above 0")
    return value
