"""Images of more than 8 bits. A file stores numbers, but not which of them is white; guessing makes images black."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zennas.data.base import CorruptImageError, UnknownRangeError

if TYPE_CHECKING:
    from PIL.Image import Image

DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""PIL's modes of grey images of more than 8 bits."""
FULL = 2**16 - 1
_DARKEST = 2**12 - 1
"""An image of 16 bits without larger values has probably 12 bits or fewer."""
_WHITES = (2**8 - 1, 2**10 - 1, 2**12 - 1, 2**14 - 1, FULL, 2**31 - 1)


def of_bytes(image: Image, white: float | None, scaled_to: int | None = None) -> Image:
    """Return a grey image of more than 8 bits with 8 bits.

    white: the value that becomes 255. Whole numbers become value · 256 / (white + 1), rounded down, which cuts bits;
    other numbers become value · 255 / white, rounded.
    scaled_to: the value that is white if the file says so (PGM); PIL has scaled the numbers so that it is 65535.

    Raises UnknownRangeError if white is None, CorruptImageError if a value is not from 0 to white.
    """
    from PIL import Image

    values = np.asarray(image)
    if scaled_to is not None and scaled_to != FULL:
        white = FULL
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise CorruptImageError("it has grey values that are not finite")
    if white is None and scaled_to == FULL and high > _DARKEST:
        white = FULL  # programs also write this as a matter of course, whatever the sensor has
    if white is None:
        way_out = "convert the images to 8 bits"
        if low >= 0:
            way_out = (
                f"state the value that is white, such as --white {_likely(values.dtype.kind == 'f', high):g}, or "
                f"{way_out}"
            )
        raise UnknownRangeError(f"it has grey values from {low:g} to {high:g}: {way_out}")
    if low < 0 or high > white * (1 + 1e-6):  # the file's numbers can have fewer digits than the one given
        raise CorruptImageError(f"it has grey values from {low:g} to {high:g}, expected 0 to {white:g} (--white)")
    if values.dtype.kind != "f" and white == int(white):
        scaled = values.astype(np.int64) * 256 // (int(white) + 1)
    else:
        scaled = np.rint(np.minimum(values.astype(np.float64), white) * (255 / white))
    return Image.fromarray(scaled.astype(np.uint8))


def check_colour(image: Image, white: float | None) -> None:
    """Check a colour image of 16 bits, of which PIL keeps the upper 8: they must not all be (almost) black.

    Raises UnknownRangeError if fewer than 16 bits seem to be used, or if white is another value.
    """
    if white == FULL:
        return
    brightest = int(np.asarray(image).max())
    if white is not None or brightest <= 16:  # 12 bits; PIL rounds up in PPM files
        raise UnknownRangeError(
            f"it has colours of 16 bits with values below {256 * (brightest + 1):,}: convert the images to 8 bits, or "
            f"state that white is {FULL} (--white {FULL})"
        )


def _likely(real: bool, high: float) -> float:
    """The value that is probably white."""
    if real:
        return 1.0 if high <= 1 else high
    return next((white for white in _WHITES[1:] if high <= white), high)
