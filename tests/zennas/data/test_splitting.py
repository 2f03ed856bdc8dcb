"""A part of the images is held out for testing: a share of each class, decided by their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from zennas.data import open_set
from zennas.data.base import in_memory
from zennas.data.packed import USUAL
from zennas.data.splitting import part_of

from .conftest import folders, refused


@pytest.mark.parametrize("seed", range(20))
def test_parts_are_a_partition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, fraction = int(rng.integers(20, 200)), float(rng.uniform(0.01, 0.99))
    labels = np.concatenate([np.arange(3).repeat(2), rng.integers(3, size=count)])
    pixels = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).contiguous()
    images = in_memory("mine", ("a", "b", "c"), labels, pixels, USUAL)
    keys = [f"image {i}" for i in range(len(labels))]

    def names(turn: np.ndarray) -> tuple[set[str], set[str]]:  # type: ignore[type-arg]
        turned = in_memory("mine", images.classes, labels[turn], pixels[turn], USUAL)
        parts = [part_of(turned, [keys[i] for i in turn], fraction, split) for split in ("train", "test")]  # type: ignore[arg-type]
        for part in parts:
            assert part.pixels is not None
            rows = part.pixels[:, 0, 0, 0].tolist()
            assert part.labels.tolist() == [int(labels[i]) for i in rows]
            assert set(part.labels.tolist()) == {0, 1, 2}
        train, test = ({keys[int(i)] for i in part.pixels[:, 0, 0, 0]} for part in parts)  # type: ignore[index]
        return train, test

    train, test = names(np.arange(len(labels)))
    assert train | test == set(keys)
    assert not train & test
    assert abs(len(test) - fraction * len(labels)) <= 3
    assert names(rng.permutation(len(labels))) == (train, test)


def test_few_images_change_sides_if_others_are_added(tmp_path: Path) -> None:
    folders(tmp_path / "mine", {"cat": 20, "dog": 20})

    def held() -> set[str]:
        images = open_set(str(tmp_path / "mine"), "test", val_fraction=0.25)
        return {Path(images.read.whole.paths[row]).name for row in images.read.rows}  # type: ignore[attr-defined]

    before = held()
    (tmp_path / "mine" / "cat" / "100.jpg").write_bytes((tmp_path / "mine" / "cat" / "0.jpg").read_bytes())
    assert len(before ^ held()) <= 2


def test_what_cannot_be_parted(tmp_path: Path) -> None:
    folders(tmp_path / "both" / "train", {"cat": 2})
    folders(tmp_path / "both" / "val", {"cat": 2})
    folders(tmp_path / "one", {"cat": 2, "dog": 1})
    for name, fraction, says in (
        ("digits", 0.2, "digits has its own test images: leave out --val-fraction"),
        (str(tmp_path / "both"), 0.2, "both has test images in val/: leave out --val-fraction"),
        (str(tmp_path / "one"), 0.2, "one has one image of the class dog: expected two or more"),
        (str(tmp_path / "one"), 1.0, "val-fraction is 1, expected a number between 0 and 1"),
    ):
        with pytest.raises(Exception, match=says):
            open_set(name, "train", val_fraction=fraction)
    assert "or hold out a part with zennas train --val-fraction 0.2" in refused(tmp_path / "one", "train")
