"""Decoding of image files to tensors. torch is imported when an image is decoded."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import IO, TYPE_CHECKING, NamedTuple

from PlainNet.errors import reason
from zennas.data.base import CorruptImageError, DataError, Decoding
from zennas.data.grey import DEEP, FULL, check_colour, of_bytes

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "PPM", "TIFF", "WEBP", "AVIF", "JPEG2000")
"""PIL's formats that are read. Others can run programs (EPS starts Ghostscript) or are no pictures."""
SUFFIXES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "PPM"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".png": "PNG",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".webp": "WEBP",
    ".avif": "AVIF",
    ".jp2": "JPEG2000",
}
"""File name extensions of images and their formats; a file with another known format is read, too."""
MOST_PIXELS = 2**27
"""Largest number of pixels of an image, 134 million; decoding takes about 10 bytes for each."""
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
"""EXIF's orientations and the `PIL.Image.Transpose` that undoes each."""


class Header(NamedTuple):
    """Size in pixels and PIL's mode of an image, from the beginning of its file."""

    width: int
    height: int
    mode: str


@cache
def readable() -> tuple[str, ...]:
    """Return the formats of `FORMATS` that the installed PIL can read."""
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def regular(path: str) -> IO[bytes]:
    """Open a file for reading. Raises CorruptImageError if that fails, or if it is a pipe or a device.

    Opening a pipe in the usual way would wait for someone to write to it.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise CorruptImageError(str(getattr(error, "strerror", None) or error)) from None
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise CorruptImageError("it is not a regular file")
    return os.fdopen(number, "rb")


def header_of(file: str | IO[bytes]) -> Header | None:
    """Return the header of an image; None if it cannot be read, which decoding will report."""
    try:
        with _opened(file) as image:
            return Header(*image.size, image.mode)
    except CorruptImageError:
        return None


def decoded(file: str | IO[bytes], decoding: Decoding = Decoding()) -> Tensor:
    """Decode an image file to RGB, (3, H, W) in uint8; of an animation, the first picture.

    Raises CorruptImageError, with PIL's reason, if that fails, and UnknownRangeError if the image has more than 8 bits
    and it is not known which value is white.
    """
    from torchvision.transforms.v2 import functional as F

    with _opened(file) as image:
        most = _most_of_pnm(image)
        deep_colour = image.mode not in DEEP and (most == FULL or any(";16" in raw for raw in _raw_modes(image)))
        image.load()
        shown = of_bytes(image, decoding.white, most) if image.mode in DEEP else image.convert("RGB")
        if deep_colour:
            check_colour(shown, decoding.white)
        found: Tensor = F.pil_to_tensor((_upright(shown, image) if decoding.upright else shown).convert("RGB"))
    return found


@contextmanager
def _opened(file: str | IO[bytes]) -> Iterator[Image]:
    """An image whose pixels are not yet decoded. Errors of the decoders inside become CorruptImageError."""
    from PIL import Image, UnidentifiedImageError

    try:
        # PIL warns about odd metadata and dropped transparency, which do not affect the colours.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with (
                regular(file) if isinstance(file, str) else file as content,
                Image.open(content, formats=readable()) as image,
            ):
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise CorruptImageError(
                        f"it has {width:,} × {height:,} pixels, expected at most {MOST_PIXELS // 10**6} million"
                    )
                yield image
    except DataError:
        raise
    except UnidentifiedImageError:
        raise CorruptImageError("not a known image format") from None
    except Exception as error:  # damaged files make decoders raise nearly everything, MemoryError included
        raise CorruptImageError(reason(error)) from None


def _raw_modes(image: Image) -> list[str]:
    """How the file stores pixels, such as "RGB;16B"; PIL forgets that when it decodes them."""
    arguments = [tile[3] for tile in image.tile]  # type: ignore[attr-defined]  # of every image from a file
    return [str(one[0] if isinstance(one, tuple) and one else one) for one in arguments]


def _most_of_pnm(image: Image) -> int | None:
    """The value that is white as the file of a PGM or PPM says, None for other formats."""
    if image.format != "PPM" or image.mode not in ("I", "RGB"):
        return None
    arguments = image.tile[0][3]  # type: ignore[attr-defined]  # of every image from a file
    if isinstance(arguments, tuple):
        return int(arguments[-1])
    return FULL if arguments == "I;16B" else None  # numbers that PIL need not scale


def _upright(shown: Image, image: Image) -> Image:
    """The image turned as EXIF says. Some decoders turn it themselves and then change what EXIF says."""
    from PIL.Image import Transpose

    try:
        turn = _TURNS.get(image.getexif().get(0x0112, 1))
    except Exception:  # damaged metadata; viewers show such images as they are
        return shown
    return shown if turn is None else shown.transpose(Transpose(turn))
