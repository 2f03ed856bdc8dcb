"""Checks the values in a profile's file, so that a damaged one is refused and never predicts NaN."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from latency.kernels import KINDS, Fusion
from latency.predicting.features import Hardware, names
from latency.predicting.models import Learned, Linear

if TYPE_CHECKING:
    from latency.predicting.profile import Profile

_CHOICES = {"zeros": ("constant", "removed", "run"), "repeats": ("again", "once")}


def check(profile: Profile) -> None:
    """Check all values. Raises ValueError, which names the first wrong field and its value."""
    for name in ("name", "device", "backend", "precision"):
        _expect(isinstance(getattr(profile, name), str) and getattr(profile, name), name, getattr(profile, name))
    _whole("batch", profile.batch)
    _number("scale", profile.scale)
    _number("overhead_ms", profile.overhead_ms, zero=True)
    _hardware(profile.hardware)
    _fusion(profile.fusion)
    _ranges(profile.ranges)
    if not profile.models:
        raise ValueError("it has no models")
    for model in profile.models:
        if isinstance(model, Learned):
            wanted, found = len(names(profile.hardware, model.kinds)), len(model.perceptron.low)
            _expect(wanted == found, f"inputs of a perceptron that needs {wanted}", found)
        else:
            _rates(model)


def _hardware(hardware: Hardware) -> None:
    for name in ("macs_per_ms", "depthwise_macs_per_ms", "bytes_per_ms", "launch_ms"):
        _number(f"hardware.{name}", getattr(hardware, name))
    for name in ("element_bytes", "channel_multiple", "units"):
        _whole(f"hardware.{name}", getattr(hardware, name))
    for tile in hardware.tiles:
        for side in tile:
            _whole("hardware.tiles", side)


def _fusion(fusion: Fusion) -> None:
    for one in fields(fusion):
        value = getattr(fusion, one.name)
        known = _CHOICES.get(one.name, (True, False))
        _expect(
            any(value is choice or (isinstance(value, str) and value == choice) for choice in known), one.name, value
        )


def _ranges(ranges: dict[str, dict[str, list[int]]]) -> None:
    for kind, found in ranges.items():
        _expect(kind in KINDS, "kind of kernel in ranges", kind)
        for name, ends in found.items():
            _expect(isinstance(ends, list) and len(ends) == 2, f"range of {name}", ends)
            for end in ends:
                _whole(f"range of {name}", end)


def _rates(model: Linear) -> None:
    for kind, _, *rates in model.rates:
        for rate in rates:
            _number(f"rate of {kind}", rate, zero=True)
    for kind, _, least, more in model.large:
        _number(f"bytes of {kind}", least, zero=True)
        _number(f"rate of large {kind}", more, zero=True)


def _number(name: str, value: Any, zero: bool = False) -> None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    _expect(good and (value >= 0 if zero else value > 0), name, value)


def _whole(name: str, value: Any) -> None:
    _expect(isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 40, name, value)


def _expect(holds: object, name: str, value: Any) -> None:
    if not holds:
        raise ValueError(f"{name} is {str(value)[:40]!r}")
