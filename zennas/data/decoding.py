"""Decoding of image files to tensors. torch is imported when an image is decoded."""

from __future__ import annotations

import warnings
from typing import IO, TYPE_CHECKING

import numpy as np

from zennas.data.base import CorruptImageError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


def decoded(file: str | IO[bytes]) -> Tensor:
    """Decode an image file to RGB, (3, H, W) in uint8. Raises CorruptImageError, with PIL's reason, if that fails."""
    from PIL import Image, UnidentifiedImageError
    from torchvision.transforms.v2 import functional as F

    try:
        # PIL warns about odd metadata and dropped transparency, which do not affect the colours.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                found: Tensor = F.pil_to_tensor(_of_bytes(image).convert("RGB"))
    except UnidentifiedImageError:
        raise CorruptImageError("not a known image format") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # depends on the format
        raise CorruptImageError(" ".join(str(error).split())[:200]) from None
    return found


def _of_bytes(image: Image) -> Image:
    """The image with 16-bit grey reduced to 8 bits; PIL would turn everything but black into white."""
    from PIL import Image

    if not image.mode.startswith("I;16"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
