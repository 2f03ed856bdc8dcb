"""What the tests of designs share: a folder of pictures that a small network tells apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.zennas.threads import one_thread as one_thread
from zennas.designing.settings import DesignSettings

SIDE = 16


def draw(place: Path, counts: dict[str, int], size: tuple[int, int] = (SIDE, SIDE), mode: str = "RGB") -> Path:
    """Write pictures of (height, width), brighter for each further class, in a folder for each class."""
    rng = np.random.default_rng(0)
    for level, (name, count) in enumerate(counts.items()):
        (place / name).mkdir(parents=True)
        for number in range(count):
            noise = rng.integers(0, 60, (*size, 3), dtype=np.uint8) + np.uint8(90 * level)
            Image.fromarray(noise).convert(mode).save(place / name / f"{number}.png")
    return place


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 pictures in two classes, without parts; tests leave it as it is."""
    return draw(tmp_path_factory.mktemp("pictures") / "lamps", {"dark": 20, "bright": 20})


@pytest.fixture
def settings(pictures: Path) -> DesignSettings:
    """A design that ends in seconds."""
    return DesignSettings("stm32f746", str(pictures), minutes=1, iterations=120, epochs=2)
