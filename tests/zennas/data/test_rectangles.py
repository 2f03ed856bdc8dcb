"""Preparation of images for networks whose input is not square."""

from __future__ import annotations

import pytest
import torch

from PlainNet.sizes import Sides, Size
from zennas.data.base import Normalisation
from zennas.data.preparation import Normaliser, largest_view, photograph_view, random_crop, resized_before_crop
from zennas.training.augment import DRAWS, Moves, moved


def ramp(height: int, width: int) -> torch.Tensor:
    """An image whose first channel says the row and whose second one says the column, from 0 to 250."""
    rows, columns = torch.meshgrid(torch.linspace(0, 250, height), torch.linspace(0, 250, width), indexing="ij")
    return torch.stack([rows, columns, 0 * rows]).round().to(torch.uint8)


@pytest.mark.parametrize(("height", "width"), [(70, 90), (200, 60), (24, 40), (40, 24)])
@pytest.mark.parametrize("crop", [21, Sides(21, 35), Sides(35, 21)])
def test_photographs_just_cover_what_is_cut(height: int, width: int, crop: Size) -> None:
    found = photograph_view(crop)(ramp(height, width))
    size = resized_before_crop(crop)
    assert tuple(found.shape[1:]) == (size if isinstance(size, Sides) else (size, size))
    ends = [(int(plane.min()), int(plane.max())) for plane in found[:2]]
    assert any(low < 12 and high > 238 for low, high in ends)  # one side is seen from end to end
    assert all(abs(low + high - 250) < 20 for low, high in ends)  # and the centre is the centre


@pytest.mark.parametrize(("height", "width"), [(70, 90), (20, 60), (24, 40), (3, 500)])
@pytest.mark.parametrize("size", [16, Sides(12, 20), Sides(20, 12)])
def test_whole_images_lose_only_one_direction(height: int, width: int, size: Size) -> None:
    found = largest_view(size)(ramp(height, width))
    assert tuple(found.shape[1:]) == (size if isinstance(size, Sides) else (size, size))
    assert any(int(plane.max()) - int(plane.min()) > 160 for plane in found[:2])


def test_random_crops_have_the_shape_of_the_input() -> None:
    torch.manual_seed(0)
    wide, square = random_crop(Sides(12, 24)), random_crop(16)
    assert wide(ramp(80, 80)).shape == (3, 12, 24)
    assert square(ramp(80, 80)).shape == (3, 16, 16)
    assert wide.ratio == (1.5, pytest.approx(8 / 3))
    assert square.ratio == (3 / 4, 4 / 3)


def test_normalised_images_of_any_channels() -> None:
    show = Normaliser(Normalisation((0.5,) * 5, (0.25,) * 5), Sides(4, 6), torch.device("cpu"))
    assert show(torch.zeros(2, 5, 4, 6, dtype=torch.uint8)).unique().tolist() == [-2.0]
    assert show(torch.zeros(2, 5, 9, 9, dtype=torch.uint8)).shape == (2, 5, 4, 6)


def test_shifts_follow_height_and_width() -> None:
    x = torch.ones(500, 1, 6, 20)
    draws = torch.rand(500, DRAWS, generator=torch.Generator().manual_seed(0))
    found = moved(x, draws, Moves(shift=Sides(1, 4)))
    assert found.shape == x.shape
    lost_rows = (found.sum(3) == 0).sum((1, 2))
    lost_columns = (found.sum(2) == 0).sum((1, 2))
    assert (int(lost_rows.max()), int(lost_columns.max())) == (1, 4)
