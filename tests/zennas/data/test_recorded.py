"""How images are prepared is stored with a network; networks of earlier versions are shown images as they were then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ZenNet
from zennas.data import DataError, Normalisation
from zennas.data.base import Decoding, Shown, View
from zennas.data.recorded import BEFORE, KEY, record_of, recorded
from zennas.named.models import trained_model

from .conftest import archive, picture

GREY = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


@pytest.mark.parametrize("view", ["whole", "centre", None])
@pytest.mark.parametrize("decoding", [Decoding(), Decoding(4095), Decoding(1.0, upright=False)])
def test_what_is_recorded_is_read(view: View | None, decoding: Decoding) -> None:
    shown = Shown(GREY, 32, 32, view, decoding)
    assert recorded({KEY: record_of(shown), "dataset": "imagenet"}) == (view, decoding)


@pytest.mark.parametrize(
    ("dataset", "view"),
    [
        ("digits", "whole"),
        ("cifar10", "whole"),
        ("CIFAR100", "whole"),
        ("imagenet", "centre"),
        ("/data/pets", "centre"),
        ("/data/cifar10", "centre"),
        ("/data/pets.npz", None),
        (None, None),
    ],
)
def test_earlier_versions_recorded_nothing(dataset: str | None, view: View | None) -> None:
    """Then folders contained photographs, and in archives the images decided."""
    assert recorded({"dataset": dataset}) == (view, BEFORE)


def test_a_folder_of_archives_is_not_one_of_photographs(tmp_path: Path) -> None:
    archive(tmp_path / "train.npz", [picture(0)])
    assert recorded({"dataset": str(tmp_path)}) == (None, BEFORE)


@pytest.mark.parametrize(
    "found",
    [
        7,
        {},
        {"view": "whole"},
        {"view": "left", "white": None, "upright": True},
        {"view": [], "white": None, "upright": True},
        {"view": "whole", "white": -1, "upright": True},
        {"view": "whole", "white": "a", "upright": True},
        {"view": "whole", "white": None, "upright": 1},
    ],
)
def test_damaged_records(found: Any) -> None:
    with pytest.raises(DataError, match="expected") as caught:
        recorded({KEY: found})
    assert "\n" not in str(caught.value)


def test_every_model_of_the_zoo_has_a_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZENNAS_ZOO", str(tmp_path))  # without what the user has added
    for name in ZenNet.list_models():
        info = ZenNet.model_info(name)
        view, decoding = recorded(info, name)
        assert view == ("centre" if "imagenet" in info["dataset"] else "whole")
        assert decoding == BEFORE
    assert trained_model("zennet_digits_params100k_res16").shown.view == "whole"
