"""Sizes of images: one form for each, how they are read, and costs of networks for images that are not square."""

from __future__ import annotations

from typing import Any

import pytest

import PlainNet
from PlainNet import StructureError, lower, parse
from PlainNet.ops import FLAT, Shape
from PlainNet.sizes import Sides, area, each_side, read_size, sides, size_of, size_text, transposed
from tests.conftest import SMALL


@pytest.mark.parametrize(
    ("given", "size"),
    [
        (32, 32),
        ("224", 224),
        ("32x32", 32),
        ((32, 32), 32),
        ((96, 160), Sides(96, 160)),
        ([96, 160], Sides(96, 160)),
        ("96x160", Sides(96, 160)),
        (" 96 × 160 ", Sides(96, 160)),
        (Sides(96, 160), Sides(96, 160)),
        ("", None),
        ("96x", None),
        ("96x160x3", None),
        ("-3", None),
        ("1e3", None),
        ("٣٢", None),
        (True, None),
        (32.0, None),
        ((96,), None),
        ((96, "160"), None),
        (None, None),
    ],
)
def test_what_is_read_as_a_size(given: Any, size: Any) -> None:
    found = read_size(given)
    assert found == size
    assert type(found) is type(size)


@pytest.mark.parametrize("size", [1, 32, Sides(96, 160), Sides(1, 2)])
def test_every_size_has_one_form_and_reads_back(size: Any) -> None:
    assert size_of(*sides(size)) == size
    assert read_size(size_text(size)) == read_size(str(size)) == size
    assert area(size) == sides(size)[0] * sides(size)[1]
    assert transposed(transposed(size)) == size
    assert each_side(lambda side: side, size) == size
    assert each_side(lambda side: 7, size) == 7


def test_shapes() -> None:
    assert Shape(3, Sides(96, 160)).dims == (3, 96, 160)
    assert Shape(3, Sides(96, 160)).elements == 3 * 96 * 160
    assert str(Shape(3, Sides(96, 160))) == "3×96×160"
    assert (Shape(3, 32).dims, Shape(3, FLAT).dims) == ((3, 32, 32), (3,))


def test_all_forms_of_a_size_give_the_same_cost() -> None:
    costs = {PlainNet.cost(SMALL, resolution=given) for given in ((96, 160), "96x160", Sides(96, 160), [96, 160])}  # type: ignore[arg-type]
    assert len(costs) == 1
    assert PlainNet.cost(SMALL, resolution="32") == PlainNet.cost(SMALL, resolution=(32, 32)) == PlainNet.cost(SMALL)


def test_a_turned_image_costs_the_same() -> None:
    wide, high = (lower(parse(SMALL), resolution=size, num_classes=7) for size in ((12, 21), (21, 12)))
    assert [node.shape.size for node in wide.nodes] == [transposed(node.shape.size) for node in high.nodes]
    assert PlainNet.cost(SMALL, resolution=(12, 21)) == PlainNet.cost(SMALL, resolution=(21, 12))


@pytest.mark.parametrize(
    ("resolution", "words"),
    [
        (0, "the resolution is 0, expected at least 1"),
        ((8, 0), "the resolution is 8×0, expected at least 1"),
        ("wide", "the resolution is 'wide', expected a whole number, or height and width such as 96x160"),
    ],
)
def test_what_is_no_size_is_refused(resolution: Any, words: str) -> None:
    with pytest.raises(StructureError, match=words):
        PlainNet.cost(SMALL, resolution=resolution)


def test_pooling_windows_fit_both_sides() -> None:
    with pytest.raises(StructureError, match="does not fit an input of 20×1"):
        lower(parse("ConvKX(3,8,3,1)MaxPool(8,2,2)"), resolution=(20, 1))
