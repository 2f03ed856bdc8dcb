"""Modules that are read as one operation, although their code calls several functions. No torch.

They are recognised by the names of their classes, which are those of timm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from latency.reading.layout import Axes, whole
from PlainNet.ops import Op, Shape
from PlainNet.read_ops import LayerNorm, ResponseNorm

if TYPE_CHECKING:
    from torch import nn

_NORMS: dict[str, Literal["root", "deviation"]] = {
    "RmsNorm": "root",
    "RmsNorm2d": "root",
    "SimpleNorm": "deviation",
    "SimpleNorm2d": "deviation",
}


def composite(part: nn.Module, shape: Shape, axes: Axes) -> Op | None:
    """Return the operation of a module on a value; None if the functions that it calls are read."""
    kind, channels = type(part).__name__, shape.channels
    if whole("c", channels) not in axes:
        return None
    if kind == "GlobalResponseNorm":
        return ResponseNorm(channels)
    if kind in _NORMS:
        weight = getattr(part, "weight", None)
        return LayerNorm(channels, weight is not None, False, float(getattr(part, "eps", 1e-6)), _NORMS[kind])
    return None
