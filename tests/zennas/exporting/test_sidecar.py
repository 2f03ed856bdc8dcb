"""The sidecar says in numbers how images are prepared, so that a program without this project gets the same logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from torchvision.transforms import v2

from zennas.accuracy.images import batches
from zennas.data import Normalisation, open_set
from zennas.data.base import Decoding, Shown
from zennas.exporting.sidecar import preparation

MIXED = Normalisation((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))


def prepared(path: Path, steps: list[dict[str, Any]]) -> torch.Tensor:
    """A reader of sidecars that knows only the steps."""
    x = torch.empty(0)
    for step in steps:
        kind = step["step"]
        if kind == "decode":
            assert step["channels"] == "RGB"
            x = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)
        elif kind == "resize" and step["interpolation"] == "bicubic":
            x = v2.Resize(step["short_side"], v2.InterpolationMode.BICUBIC, antialias=step["antialias"])(x)
        elif kind == "resize":
            x = F.interpolate(x[None], (step["height"], step["width"]), mode=step["interpolation"])[0]
        elif kind == "center_crop":
            x = v2.CenterCrop(min(x.shape[1:]) if "to" in step else (step["height"], step["width"]))(x)
        elif kind == "divide":
            x = x.float() / step["by"]
        elif kind == "normalise":
            x = (x - torch.tensor(step["mean"])[:, None, None]) / torch.tensor(step["std"])[:, None, None]
        else:
            raise AssertionError(kind)
    return x


@pytest.mark.parametrize("sizes", [[(12, 12)] * 5, [(30, 20), (64, 64), (20, 31), (100, 90), (40, 40)]])
@pytest.mark.parametrize("view", ["whole", "centre"])
def test_the_steps_lead_to_the_network_s_input(tmp_path: Path, view: Any, sizes: list[tuple[int, int]]) -> None:
    folder = tmp_path / "val" / "cat"
    folder.mkdir(parents=True)
    for number, (width, height) in enumerate(sizes):
        coarse = np.random.default_rng(number).integers(0, 256, (3, 3, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        image.save(folder / f"{number}.png")
    images = open_set(str(tmp_path), "test")
    shown = Shown(MIXED, 16, 24, view)
    expected = np.concatenate(list(batches(images, list(range(5)), shown)))
    steps = preparation(shown)
    for number in range(5):
        found = prepared(folder / f"{number}.png", steps).numpy()
        assert np.abs(found - expected[number]).max() < 0.51 / 255 / 0.2 + 1e-5  # half a shade


def test_there_is_one_preparation() -> None:
    steps = preparation(Shown(MIXED, 16, 28, "centre", Decoding(4095.0, upright=False)))
    assert steps == [
        {"step": "decode", "channels": "RGB", "exif_orientation": "ignored", "white_of_deep_grey": 4095.0},
        {"step": "resize", "short_side": 32, "interpolation": "bicubic", "antialias": True},
        {"step": "center_crop", "height": 32, "width": 32},
        {"step": "divide", "by": 255},
        {"step": "resize", "height": 16, "width": 16, "interpolation": "bilinear", "antialias": False},
        {"step": "normalise", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]},
    ]
