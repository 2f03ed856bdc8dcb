"""The mean and standard deviation of images: measured, read, refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from zennas.data import (
    CorruptImageError,
    DataError,
    ImageSet,
    Normalisation,
    measured_normalisation,
)
from zennas.data.base import in_memory
from zennas.data.packed import USUAL

GREY = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def test_normalisation_is_measured() -> None:
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.integers(0, 256, (50, 3, 4, 4), dtype=np.uint8))
    pixels[:, 1] = 51
    found = measured_normalisation(in_memory("mine", ("a",), [0] * 50, pixels, USUAL))
    scaled = pixels.double() / 255
    assert found.mean == pytest.approx(scaled.mean((0, 2, 3)).tolist(), abs=1e-6)
    assert found.mean[1] == 0.2
    assert found.std == pytest.approx((scaled.std((0, 2, 3), unbiased=False)).clamp(min=1e-3).tolist(), abs=1e-6)
    assert Normalisation.from_json(found.to_json()) == found


def test_normalisation_of_what_cannot_be_read() -> None:
    def broken(index: int) -> torch.Tensor:
        raise CorruptImageError(f"image {index} is broken")

    images = ImageSet("mine", ("a",), np.zeros(3, np.int64), broken, USUAL, "")
    with pytest.raises(DataError, match="no image of mine can be read: image 2 is broken"):
        measured_normalisation(images)


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        {},
        {"mean": [0.5] * 3},
        {"mean": [0.5] * 3, "std": [0.5] * 2},
        {"mean": [0.5] * 3, "std": ["a"] * 3},
        {"mean": [0.5] * 3, "std": [0.0, 0.5, 0.5]},
        {"mean": [0.5, 0.5, 124.0], "std": [0.5] * 3},
        {"mean": [0.5, 0.5, float("nan")], "std": [0.5] * 3},
        {"mean": [-0.1, 0.5, 0.5], "std": [0.5] * 3},
        {"mean": [0.5] * 4, "std": [0.5] * 3},
    ],
)
def test_normalisations_that_are_none(found: Any) -> None:
    with pytest.raises(DataError, match=r"normalisation.*expected .*(a number|as many)") as caught:
        Normalisation.from_json(found)
    assert "\n" not in str(caught.value)


def test_normalisations_that_are_some() -> None:
    assert Normalisation.from_json({"mean": (0, 0.5, 1), "std": [1, 0.5, 1e-6]}).mean == (0.0, 0.5, 1.0)
    assert GREY.to_json() == {"mean": [0.5] * 3, "std": [0.25] * 3}
