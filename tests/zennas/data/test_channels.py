"""Images of other channels: grey as PIL makes it, sets of other channels, and what cannot be shown."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from zennas.data import DataError, normalisation_of, open_set
from zennas.data.base import ImageSet, Usual, in_memory
from zennas.data.channels import COLOUR, GREY, converted, of_channels

USUAL = Usual(normalisation=None, crop="shift", flip=True, policy="cifar10")


def coloured(channels: int = 3, count: int = 20) -> ImageSet:
    pixels = torch.randint(0, 256, (count, channels, 6, 9), generator=torch.Generator().manual_seed(0))
    return in_memory("mine", ("a", "b"), np.arange(count) % 2, pixels.to(torch.uint8), USUAL)


def test_grey_is_that_of_pil() -> None:
    assert coloured().pixels is not None
    for image in coloured().pixels:  # type: ignore[union-attr]
        expected = np.array(Image.fromarray(image.permute(1, 2, 0).numpy()).convert("L"))
        assert np.array_equal(converted(image, GREY)[0].numpy(), expected)


def test_grey_images_stay_what_they_are() -> None:
    grey = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(converted(converted(grey, COLOUR), GREY), grey)


def test_a_set_shown_as_grey() -> None:
    colours = open_set("digits", "train")
    grey = of_channels(colours, GREY)
    assert (colours.channels, grey.channels) == (3, 1)
    assert grey.pixels is not None
    assert grey.pixels.shape[1:] == (1, 8, 8)
    assert torch.equal(pickle.loads(pickle.dumps(grey.read))(5), grey.pixels[5])
    assert normalisation_of(grey).mean == pytest.approx(normalisation_of(colours).mean[:1], abs=1e-6)
    assert of_channels(colours, None) is of_channels(colours, 3) is colours
    assert of_channels(grey, COLOUR).read(5).shape == (3, 8, 8)


def test_sets_of_any_channels() -> None:
    images = coloured(channels=5)
    assert images.channels == 5
    assert normalisation_of(images).channels == 5
    assert of_channels(images, 5) is images
    with pytest.raises(DataError, match="the images of mine have 5 channels and cannot be shown with 3: expected 5"):
        of_channels(images, 3)


@pytest.mark.parametrize(("own", "asked", "way"), [(3, 4, "3, or 1 for grey"), (1, 2, "1, or 3")])
def test_what_cannot_be_shown_is_refused(own: int, asked: int, way: str) -> None:
    with pytest.raises(DataError, match=f"cannot be shown with {asked}: expected {way}"):
        of_channels(coloured(channels=own), asked)
