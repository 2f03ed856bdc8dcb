"""Trainings on folders of images: which classes they have, and how images of different kinds are prepared."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zennas
from tests.conftest import SMALL
from tests.zennas.training.distilling import TEACHER
from zennas.data import DataError
from zennas.training.outcome import TrainResult
from zennas.training.recipe import Distillation, TrainingError


def small_pictures(place: Path, classes: tuple[str, ...] = ("a", "b", "c"), count: int = 8, side: int = 8) -> Path:
    """A data set of squares of one size: the class decides the brightness."""
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for number, name in enumerate(classes):
            folder = place / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 40, (side, side, 3)) + 60 * number
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return place


def trained(dataset: Path, save_dir: Path, network: str = SMALL, **settings: object) -> TrainResult:
    settings = {"epochs": 1, "batch_size": 8, "resolution": 16, "device": "cpu", **settings}
    return zennas.train(network, dataset=str(dataset), save_dir=save_dir, **settings)


def test_test_images_may_lack_classes(tmp_path: Path) -> None:
    """Then labels are those of the training images, by name."""
    images = small_pictures(tmp_path / "images")
    shutil.rmtree(images / "val" / "a")
    result = trained(images, tmp_path / "run")
    assert zennas.evaluate(tmp_path / "run", device="cpu").top1 == result.top1
    (images / "val" / "b").rename(images / "val" / "d")
    with pytest.raises(DataError, match="have different classes: d only in tests"):
        trained(images, tmp_path / "other")


def test_a_teacher_s_classes_are_in_the_same_order(tmp_path: Path) -> None:
    images = small_pictures(tmp_path / "images")
    trained(images, tmp_path / "teacher", TEACHER)
    (images / "train" / "a").rename(images / "train" / "z")
    (images / "val" / "a").rename(images / "val" / "z")
    teaching = {"distillation": Distillation(str(tmp_path / "teacher"))}
    with pytest.raises(
        TrainingError, match=r"classes are not those of .*: class 0 is a instead of b; .*--logit-weight"
    ):
        trained(images, tmp_path / "student", **teaching)
    assert not (tmp_path / "student").exists()
