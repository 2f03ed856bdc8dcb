"""Formulas of families of blocks as arrays: terms of widths, for interpreters that compute many blocks at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from PlainNet.arrays.structures import Floats, Integers
from PlainNet.template import Width

_PLACES = {-1: 0, 0: 1, 1: 2, 3: 3}


def place(width: Width) -> tuple[int, float]:
    """Return where a width of a template is in `Blocks.widths`, and what it is multiplied by."""
    arg, numerator, denominator = width
    return _PLACES[arg], numerator / denominator


def channels_of(widths: Sequence[Width], known: Floats) -> Floats:
    """Return the channels of widths of a template in blocks, (widths, blocks). known: from `Blocks.widths`."""
    return np.stack([known[_PLACES[arg]] * numerator // denominator for arg, numerator, denominator in widths])


class Terms:
    """The terms of the formula of each family, which are rows of numbers. Not every family has as many.

    neutral: a term that changes nothing.
    """

    def __init__(self, neutral: Sequence[float]) -> None:
        self._neutral = np.array(neutral, np.float64)
        self._kept = np.tile(self._neutral, (64, 1, 1))  # (families, terms, numbers)

    def put(self, family: int, terms: Sequence[Sequence[float]]) -> None:
        """Set the terms of the family with this number."""
        self._hold(family, len(terms))
        if terms:
            self._kept[family, : len(terms)] = np.array(terms, np.float64)

    def of(self, families: Integers) -> Floats:
        """Return (numbers, terms, blocks): the terms of blocks of these families."""
        self._hold(int(families.max(initial=0)), 0)
        found: Floats = self._kept[families].transpose(2, 1, 0)
        return found

    def _hold(self, family: int, terms: int) -> None:
        """Make room for a family, and for so many terms of each."""
        families, most, _ = self._kept.shape
        if family >= families or terms > most:
            rows = max(2 * families, family + 1) if family >= families else families
            wider = np.tile(self._neutral, (rows, max(most, terms), 1))
            wider[:families, :most] = self._kept
            self._kept = wider


def channels(widths: Floats, places: Floats, factors: Floats) -> Floats:
    """Return the channels of terms, (terms, blocks). widths: (4, blocks), from `Blocks.widths`."""
    found: Floats = factors * widths[places.astype(np.int64), np.arange(widths.shape[1])]
    return found
