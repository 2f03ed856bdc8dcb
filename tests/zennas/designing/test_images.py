"""What a design takes from the images: the parts, the size and the channels."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from PlainNet.sizes import Sides, Size
from tests.zennas.designing.conftest import draw
from zennas.data import DataError
from zennas.data.sources import has_test_images
from zennas.designing.images import Images, look
from zennas.designing.settings import DesignSettings


def seen(place: Path | str, **more: object) -> Images:
    return look(DesignSettings("stm32h743", str(place), **more))  # type: ignore[arg-type]


def test_a_folder_without_parts_is_split_always_in_the_same_way(pictures: Path) -> None:
    found = seen(pictures)
    assert found == seen(pictures) == Images.from_json(found.to_json())
    assert (found.train, found.test, found.val_fraction) == (32, 8, 0.2)
    assert seen(pictures, val_fraction=0.5).test == 20


def test_test_images_are_used_if_there_are_some(tmp_path: Path) -> None:
    draw(tmp_path / "train", {"a": 6, "b": 6})
    assert not has_test_images(str(tmp_path))
    draw(tmp_path / "val", {"a": 3, "b": 3})
    found = seen(tmp_path)
    assert (found.train, found.test, found.val_fraction) == (12, 6, None)
    assert has_test_images("digits")


@pytest.mark.parametrize(
    ("size", "expected"),
    [((16, 16), 16), ((9, 9), 16), ((24, 40), Sides(24, 40)), ((100, 300), 96), ((60, 300), 60)],
    ids=str,
)
def test_the_size_is_that_of_the_images_if_they_are_small(
    size: tuple[int, int], expected: Size, tmp_path: Path
) -> None:
    place = draw(tmp_path, {"a": 5, "b": 5}, size)
    assert seen(place).size == expected
    assert seen(place, resolution="32x48").size == Sides(32, 48)


def test_grey_images_give_one_channel(tmp_path: Path) -> None:
    place = draw(tmp_path, {"a": 5, "b": 5}, mode="L")
    assert seen(place).channels == 1
    assert seen(place, in_channels=3).channels == 3


def test_what_is_too_little_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"fewer than 5 images of b \(4\)"):
        seen(draw(tmp_path / "few", {"a": 5, "b": 4}))
    with pytest.raises(DataError, match="has one class, a: expected"):
        seen(draw(tmp_path / "one", {"a": 9}))
    with pytest.raises(DataError, match="there is no data set"):
        seen(tmp_path / "absent")
    deep = draw(tmp_path / "deep", {"a": 5, "b": 5})
    for path in deep.glob("*/*.png"):
        Image.new("I;16", (16, 16), 900).save(path)
    with pytest.raises(DataError, match="--white"):
        seen(deep)
    assert seen(deep, white=4095).channels == 1
