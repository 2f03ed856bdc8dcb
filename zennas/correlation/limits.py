"""Budgets and columns as users write them: `0.2M,30%`, `pixel3=4`, `params=0.2M+pixel3=4ms`, `fisher:lower`. No NumPy.

`scenarios.py` turns them into numbers for a sample.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zennas.common.numbers import parse_count

COUNTS = ("params", "flops", "activations", "layers")
"""Costs that are counted, and limited by whole numbers."""
PREFIX = "column:"
LOWER = ":lower"

_PERCENT = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*%\s*")


@dataclass(frozen=True)
class Limit:
    """An upper limit: a value, or the share of the sample that fits, above 0 and at most 1.

    text: as the user wrote it. column: the only latency column that it is for; None for all.
    """

    text: str
    value: float | None
    share: float | None = None
    column: str | None = None


@dataclass(frozen=True)
class Part:
    """One limit of a combined budget: `name` is one of `COUNTS` or a latency column."""

    name: str
    limit: Limit


@dataclass(frozen=True)
class ScoreColumn:
    """A column of precomputed scores. lower: whether a lower score is better."""

    column: str
    lower: bool

    @property
    def row(self) -> str:
        """The name of its row among those of the proxies: `column:fisher`, or `column:fisher:lower`."""
        return f"{PREFIX}{self.column}{LOWER if self.lower else ''}"


def count_limits(texts: Sequence[str]) -> tuple[Limit, ...]:
    """Parse limits of a count: numbers such as 0.2M and shares such as 30%, separated by commas.

    Raises ValueError naming the value and what was expected.
    """
    return tuple(_limit(item, parse_count) for item in _items(texts))


def latency_limits(texts: Sequence[str]) -> tuple[Limit, ...]:
    """Parse limits of a latency: milliseconds such as 4 and shares such as 30%, each for all columns or, as in
    `pixel3=4`, for one; separated by commas. Raises ValueError.
    """
    found = []
    for item in _items(texts):
        column, equals, text = item.rpartition("=")
        if equals and not column.strip():
            raise ValueError(f"{item[:80]!r} names no latency column, expected one like pixel3=4")
        limit = _limit(text, _milliseconds)
        found.append(Limit(item, limit.value, limit.share, column.strip() or None))
    return tuple(found)


def combined_limit(text: str) -> tuple[Part, ...]:
    """Parse a budget of several costs at once, such as `params=0.2M+pixel3=4ms`. Raises ValueError."""
    found: list[Part] = []
    for item in text.split("+"):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not (name and equals and value):
            raise ValueError(f"{text[:80]!r} is no budget, expected one like params=0.2M+flops=30M or pixel3=4ms")
        if name in (one.name for one in found):
            raise ValueError(f"{text[:80]!r} limits {name} twice, expected one limit of each cost")
        found.append(Part(name, _limit(value, parse_count if name in COUNTS else _milliseconds)))
    return tuple(found)


def score_column(text: str) -> ScoreColumn:
    """Parse a column of scores: `naswot`, or `fisher:lower` if lower is better. Raises ValueError."""
    name, lower = text.removesuffix(LOWER), text.endswith(LOWER)
    if not name.strip():
        raise ValueError(f"{text!r} names no column, expected one like naswot or fisher{LOWER}")
    return ScoreColumn(name.strip(), lower)


def _items(texts: Sequence[str]) -> list[str]:
    return [item.strip() for text in texts for item in text.split(",")]


def _limit(text: str, number: Callable[[str], float]) -> Limit:
    percent = _PERCENT.fullmatch(text)
    if percent is None:
        return Limit(text, number(text))
    share = float(percent[1]) / 100
    if not 0 < share <= 1:
        raise ValueError(f"{text[:80]!r} is out of range; expected a share of the sample above 0% and at most 100%")
    return Limit(text, None, share)


def _milliseconds(text: str) -> float:
    try:
        value = float(text.removesuffix("ms"))
    except ValueError:
        raise ValueError(f"{text[:80]!r} is not a number; expected milliseconds like 4, or a share like 30%") from None
    if not 0 < value < math.inf:
        raise ValueError(f"{text[:80]!r} is out of range; expected milliseconds above 0")
    return value
