"""Checks of the types and ranges of settings, before any work starts."""

from __future__ import annotations

import math
from contextlib import suppress

from PlainNet.sizes import Sides, Size, read_size
from zennas.common.numbers import LARGEST, parse_count, range_text

MAX_BATCH = 1_000_000
"""Images of the largest batch; no machine has room for more."""
MAX_RESOLUTION = 2048
"""The most pixels that an input image is high or wide; beyond it, activations take gigabytes."""


MAX_IN_CHANNELS = 1024
"""The most channels of an input image."""


def check_whole(
    name: str, value: object, error: type[Exception], *, least: int = 1, most: int = LARGEST, unit: str = ""
) -> None:
    """Raise `error`, naming value and range, unless `value` is an int from `least` to `most`; True and 3.0 are not."""
    if isinstance(value, bool) or not isinstance(value, int):
        limits = "" if (least, most) == (-LARGEST, LARGEST) else f" {range_text(least, most)}"
        raise error(f"{name} is {value!r}, expected a whole number{limits}{unit}")
    if not least <= value <= most:
        raise error(f"{name} is {value}, expected {range_text(least, most, value).removeprefix('of ')}{unit}")


def checked_resolution(
    value: object, error: type[Exception], *, name: str = "resolution", most: int = MAX_RESOLUTION
) -> Size:
    """Return the size of input images in pixels that `value` says; see `read_size`. Raises `error` for other values."""
    size = read_size(value)
    if size is None:
        raise error(f"{name} is {value!r}, expected {SIZE_WORDS}")
    if isinstance(size, Sides):
        for side, pixels in size._asdict().items():
            check_whole(f"the {side} of {name} {size}", pixels, error, most=most, unit=" pixels")
    else:
        check_whole(name, size, error, most=most, unit=" pixels")
    return size


def written_resolution(text: str) -> Size:
    """Return the size of images that a command line says: 224, 2.24e2 or 96x160. Raises ValueError for other texts."""
    if read_size(text) is None:
        with suppress(ValueError):
            return parse_count(text, 1, MAX_RESOLUTION)
    return checked_resolution(text, ValueError, name="the size")


SIZE_WORDS = f"a whole number from 1 to {MAX_RESOLUTION} pixels, or height and width, such as 96x160"
"""What a resolution can be, for messages."""


def check_number(name: str, value: object, error: type[Exception], *, least: float = 0, most: float = math.inf) -> None:
    """Raise `error`, naming value and range, unless `value` is a finite int or float from `least` to `most`."""
    bounds = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
    if least == -math.inf:
        bounds = "" if most == math.inf else f"of at most {most}"
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise error(f"{name} is {value!r}, expected a number {bounds}".rstrip())
    if not least <= value <= most:
        raise error(f"{name} is {value}, expected {bounds.removeprefix('of ')}")


def check_kind(name: str, value: object, kind: type, error: type[Exception]) -> None:
    """Raise `error` unless `value` has the type `kind`, which is bool or str."""
    if not isinstance(value, kind):
        expected = {bool: "True or False", str: "text"}[kind]
        raise error(f"{name} is {value!r}, expected {expected}")
