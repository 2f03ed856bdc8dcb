"""Searches for images that are not square, or of other channels than three."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import PlainNet
import zennas
from PlainNet import parse
from PlainNet.blocktype import in_channels
from PlainNet.edit import for_channels
from PlainNet.sizes import Sides
from zennas.common.errors import WrongSettingError
from zennas.named.structures import resolve
from zennas.searching.settings import SearchSettings


def found(folder: Path, **settings: Any) -> Any:
    given = {"budget_params": 30_000, "iterations": 60, "proxy": "mean_field", "save_dir": folder, **settings}
    return zennas.search(**given)


@pytest.mark.parametrize("proxy", ["mean_field", "zen_expected"])
def test_a_search_for_grey_images_of_96_by_160(tmp_path: Path, proxy: str) -> None:
    result = found(tmp_path / "run", resolution="96x160", in_channels=1, proxy=proxy, budget_flops=40_000_000)
    best = result.best
    assert in_channels(best.structure.blocks[0]) == 1
    assert best.cost == PlainNet.cost(best.structure, resolution=(96, 160), num_classes=10)
    assert best.cost.flops <= 40_000_000
    assert result.settings.resolution == Sides(96, 160)
    target = resolve(str(tmp_path / "run"))
    assert (target.resolution, target.in_channels) == (Sides(96, 160), 1)
    again = zennas.continue_search(tmp_path / "run")
    assert again.best.structure == best.structure


def test_a_turned_image_gives_the_same_search(tmp_path: Path) -> None:
    wide, high = (found(tmp_path / size, resolution=size).best for size in ("12x20", "20x12"))
    assert wide.structure == high.structure


def test_an_initial_structure_is_changed_for_the_images(tmp_path: Path) -> None:
    start = "SuperConvK3BNRELU(3,16,2,1)SuperResK3K3(16,32,2,16,1)"
    result = found(tmp_path / "run", initial=start, in_channels=2, resolution=16)
    assert result.settings.initial == start.replace("(3,", "(2,", 1)
    assert in_channels(result.best.structure.blocks[0]) == 2
    assert found(tmp_path / "other", initial=start, resolution=16).settings.in_channels is None


def test_spaces_of_colour_images_say_so(tmp_path: Path) -> None:
    words = "the networks of search space nasbench201 take images of 3 channels, not of 1: leave out --in-channels"
    with pytest.raises(WrongSettingError, match=words):
        found(tmp_path / "run", search_space="nasbench201", in_channels=1)


def test_settings_of_earlier_versions_are_read() -> None:
    stored = SearchSettings(resolution=48).to_json()
    assert stored["resolution"] == 48
    del stored["in_channels"]
    assert SearchSettings.from_json(stored) == SearchSettings(resolution=48)
    assert SearchSettings.from_json(SearchSettings(resolution="8x9").to_json()).resolution == (8, 9)  # type: ignore[arg-type]


def test_first_layers_are_changed_only() -> None:
    structure = parse("SuperConvK3BNRELU(3,16,2,1)SuperResK3K3(16,32,2,16,1)")
    assert str(for_channels(structure, 1)) == "SuperConvK3BNRELU(1,16,2,1)SuperResK3K3(16,32,2,16,1)"
    assert str(for_channels(parse("BN(3)ConvKX(3,8,3,1)"), 5)) == "BN(5)ConvKX(5,8,3,1)"
