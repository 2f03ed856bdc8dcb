"""The numbers of a comparison: their names, how they are read from a row, which direction is better, and as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from PlainNet.registry import UnknownNameError, did_you_mean, nearest_names
from PlainNet.sizes import Sides, area
from zennas.common.errors import WrongSettingError
from zennas.common.numbers import format_bytes, format_count
from ZeroShotProxy import ensembles

if TYPE_CHECKING:
    from zennas.report.comparison.result import Row

LATENCY, MEASURED, ACCURACY, SCORE = "latency", "measured", "top1", "score"
"""The beginnings of keys."""
RESOLUTION = "resolution"


class UnknownColumnError(WrongSettingError, UnknownNameError):
    """A comparison has no such column."""


@dataclass(frozen=True, eq=False)
class Quantity:
    """A number that networks have.

    key: its name in files and for sorting. name: its name for people. unit: of the value.
    value: reads it from a row; None if it is not known. text: shows a value, without its unit
    if that is part of the name.
    higher_is_better: the direction in which networks are sorted.
    related: whether it is compared with the baseline. differs: whether by a difference instead of a ratio.
    """

    key: str
    name: str
    unit: str
    value: Callable[[Row], float | None]
    text: Callable[[float], str] = format_count
    higher_is_better: bool = False
    related: bool = True
    differs: bool = False

    @property
    def kind(self) -> str:
        """The beginning of the key: "params", "latency", "top1" and so on."""
        return self.key.partition(":")[0]


def quantities_of(
    profiles: Sequence[str], measured: bool, accuracies: Sequence[str], proxies: Sequence[str]
) -> tuple[Quantity, ...]:
    """Return the numbers of a comparison with these profiles, kinds of accuracy and proxies, in order."""
    return (
        Quantity("params", "params", "", lambda row: row.cost.params),
        Quantity("flops", "FLOPs", "", lambda row: row.cost.flops),
        Quantity("activations", "activations", "", lambda row: row.cost.activations),
        Quantity("memory", "memory", "B", lambda row: row.memory, format_bytes),
        Quantity("layers", "layers", "", lambda row: row.cost.layers, _whole, related=False),
        Quantity(RESOLUTION, "pixels", "", _side, _whole, related=False),
        *(
            Quantity(f"{LATENCY}:{name}", f"ms, {name}", "ms", partial(_predicted, name), _milliseconds)
            for name in profiles
        ),
        *([Quantity(MEASURED, "ms measured", "ms", _measured, _milliseconds)] if measured else []),
        *(
            Quantity(
                f"{ACCURACY}:{kind}",
                f"top-1 %, {kind}",
                "%",
                partial(_accuracy, kind),
                "{:.2f}".format,
                True,
                True,
                True,
            )
            for kind in accuracies
        ),
        *(
            Quantity(
                f"{SCORE}:{name}",
                name,
                "",
                partial(_score, name),
                "{:.6g}".format,
                ensembles.find(name).info.higher_is_better,
                differs=True,
            )
            for name in proxies
        ),
    )


def relative(quantity: Quantity, value: float | None, base: float | None) -> float | None:
    """Return a value relative to another one, as `quantity` is related; None if that has no meaning."""
    if not quantity.related or value is None or base is None:
        return None
    found = value - base if quantity.differs else value / base if base else math.nan
    return found if math.isfinite(found) else None


def relative_text(quantity: Quantity, value: float | None) -> str:
    """Return what `relative` returns as text, such as "×0.35" or "+1.20"; "" for None."""
    if value is None:
        return ""
    if quantity.differs:
        return f"{value:+.3g}" if quantity.kind == SCORE else f"{value:+.2f}"
    return f"×{value:,.0f}" if value >= 1000 else f"×{value:.3g}"


def column(quantities: Sequence[Quantity], name: str) -> Quantity:
    """Return the quantity that a name stands for: its key, the part after the colon, its name for people, or the
    beginning of the key, for the first that begins so. Raises UnknownColumnError.
    """
    wanted = name.strip().casefold()
    ways: tuple[Callable[[Quantity], str], ...] = (
        lambda one: one.key,
        lambda one: one.key.partition(":")[2],
        lambda one: one.name,
        lambda one: one.kind,
    )
    for way in ways:
        for one in quantities:
            if way(one).casefold() == wanted:
                return one
    known = [one.key for one in quantities]
    near = nearest_names(name, known)
    hint = did_you_mean(near, f"it has {', '.join(known)}")
    raise UnknownColumnError(f"the comparison has no column {name[:80]!r}: {hint}")


def order(quantity: Quantity, rows: Sequence[Row]) -> list[Row]:
    """Return rows with the best first: the smallest cost, the highest accuracy. Those without a number come last."""

    def place(row: Row) -> tuple[bool, float]:
        value = quantity.value(row)
        return value is None, 0.0 if value is None else -value if quantity.higher_is_better else value

    return sorted(rows, key=place)


def _side(row: Row) -> float:
    """The side of the square with as many pixels as an image, to sort by."""
    size = row.network.resolution
    return math.sqrt(area(size)) if isinstance(size, Sides) else size


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _milliseconds(value: float) -> str:
    return f"{value:.4g}"


def _predicted(name: str, row: Row) -> float | None:
    found = row.latencies[name]
    return None if isinstance(found, str) else found.latency_ms


def _measured(row: Row) -> float | None:
    return None if row.measured is None else row.measured.latency_ms


def _accuracy(kind: str, row: Row) -> float | None:
    found = row.accuracy(kind)
    return None if found is None else found.top1


def _score(name: str, row: Row) -> float | None:
    found: Any = row.scores.get(name)
    return None if found is None or isinstance(found, str) else found.value
