"""Pictures in files, as tensors. Imports torch when one is decoded."""

from __future__ import annotations

import warnings
from typing import IO, TYPE_CHECKING

import numpy as np

from zennas.data.base import CorruptImageError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


def decoded(file: str | IO[bytes]) -> Tensor:
    """(3, H, W) in uint8, whatever the colours of the file. Raises CorruptImageError with what PIL says, in a line."""
    from PIL import Image, UnidentifiedImageError
    from torchvision.transforms.v2 import functional as F

    try:
        # Of what PIL warns, of odd metadata or of transparency that is dropped, nothing changes the colours.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                found: Tensor = F.pil_to_tensor(_of_bytes(image).convert("RGB"))
    except UnidentifiedImageError:
        raise CorruptImageError("not a known image format") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # by kind of file
        raise CorruptImageError(" ".join(str(error).split())[:200]) from None
    return found


def _of_bytes(image: Image) -> Image:
    """Grey of 16 bits in 8: PIL would make all but black white."""
    from PIL import Image

    if not image.mode.startswith("I;16"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
