"""What the tests of image sets share: pictures in files, archives and folders, and what is said of sets that fail."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zennas.data import DataError, open_set


def picture(seed: int, width: int = 12, height: int = 12, mode: str = "RGB", kind: str = "JPEG", **save: Any) -> bytes:
    """A smooth picture in a file of that kind."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 3, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)
    content = io.BytesIO()
    image.save(content, format=kind, **save)
    return content.getvalue()


def archive(path: Path, files: Sequence[bytes], **changes: object) -> Path:
    """The files in an .npz archive, labelled 0, 1, 0, 1, …; `changes` are other arrays, None for none."""
    arrays: dict[str, object] = {
        "jpeg": np.frombuffer(b"".join(files), dtype=np.uint8),
        "offsets": np.cumsum([0, *map(len, files)]),
        "labels": np.arange(len(files)) % 2,
        **changes,
    }
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})  # type: ignore[arg-type]
    return path


def folders(place: Path, classes: dict[str, int]) -> Path:
    """A folder for each class, with so many pictures of different sizes."""
    for number, (name, count) in enumerate(classes.items()):
        (place / name).mkdir(parents=True)
        for i in range(count):
            (place / name / f"{i}.jpg").write_bytes(picture(100 * number + i, 10 + 3 * i, 14 + number))
    return place


def refused(name: str | Path, split: Any = "test", folder: Path | None = None) -> str:
    """What is said, in one line, of a set that cannot be opened."""
    with pytest.raises(DataError) as caught:
        open_set(str(name), split, folder)
    said = str(caught.value)
    assert "\n" not in said
    return said
