"""Charts and networks as data for the scripts of the page: JSON that no text in it can leave."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from PlainNet.sizes import Sides
from zennas.common.text import printable
from zennas.pages.charts import Chart
from zennas.pages.drawing import Arena, Networks
from zennas.pages.parts import Part

_DANGEROUS = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
"""What could end a script or begin another in HTML; JSON only has it inside texts, where the escape means the same."""
_DIGITS = 6


class Embedded:
    """The data of a page. Texts that occur several times are stored once."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}
        self._parts: list[Any] = []

    def add(self, part: Part) -> int:
        """Add a chart or networks, and return their number, by which the script finds them."""
        self._parts.append(self._networks(part) if isinstance(part, Networks) else self._chart(part))
        return len(self._parts) - 1

    def text(self) -> str:
        """Return the data as JSON that can stand inside a script element."""
        found = json.dumps({"texts": list(self._texts), "parts": self._parts}, separators=(",", ":"), allow_nan=False)
        for character, escape in _DANGEROUS.items():
            found = found.replace(character, escape)
        return found

    def _number(self, text: str) -> int:
        return self._texts.setdefault(printable(text), len(self._texts))

    def _chart(self, part: Part) -> dict[str, Any]:
        if not isinstance(part, Chart):
            raise TypeError(f"{type(part).__name__} needs no data, expected a Chart or Networks")
        series = [
            {
                "name": printable(one.name),
                "mark": one.mark,
                "points": [
                    [[*map(_rounded, p.values)], self._number(p.title), p.network, int(p.chosen)] for p in one.points
                ],
            }
            for one in part.series
        ]
        return {
            "kind": "chart",
            "label": printable(part.label),
            "axes": [
                {"name": printable(a.name), "unit": printable(a.unit), "log": a.log, "whole": a.whole}
                for a in part.axes
            ],
            "x": part.x,
            "y": part.y,
            "series": series,
            "limits": [{"axis": m.axis, "value": m.value, "label": printable(m.label)} for m in part.limits],
            "frontier": part.frontier,
            "equal": part.equal,
            "selects": part.selects,
            "named": part.named,
            "colour": part.colour,
        }

    def _networks(self, part: Networks) -> dict[str, Any]:
        networks = [
            {
                "number": one.number,
                "title": printable(one.title),
                "structure": self._number(one.structure),
                "facts": [[printable(name), printable(value)] for name, value in one.facts],
                "image": one.image,
                "blocks": [self._block(vars(block)) for block in one.blocks],
                "arena": None if one.arena is None else self._arena(one.arena),
            }
            for one in part.networks
        ]
        device = None if part.device is None else printable(part.device)
        return {"kind": "networks", "networks": networks, "device": device, "int8": part.int8, "ram": part.ram}

    def _arena(self, arena: Arena) -> Sequence[Any]:
        operators = [(one.block, self._number(one.operator), one.live_bytes) for one in arena.operators]
        return arena.ram_bytes, arena.ram_bytes_planner, operators, arena.each

    def _block(self, fields: dict[str, Any]) -> Sequence[Any]:
        """The values of the fields in order, without their names, which would be most of the page."""
        return [self._number(value) if isinstance(value, str) else _rounded(value) for value in fields.values()]


def _rounded(value: float | Sides | None) -> float | Sides | None:
    """A number with the digits that can be seen; None for what is not finite. Height and width stay as they are."""
    if value is None or isinstance(value, (int, Sides)):
        return value
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
