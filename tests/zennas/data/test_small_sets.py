"""Sets of small images by name: the digits of scikit-learn, and CIFAR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zennas.data import (
    Normalisation,
    open_set,
)

from .conftest import archive, picture, refused


def test_digits_are_split_once_and_for_all() -> None:
    train, test = open_set("digits", "train"), open_set("digits", "test")
    assert (len(train), len(test)) == (1437, 360)
    assert np.bincount(test.labels).min() >= 34
    assert train.classes == test.classes == tuple("0123456789")
    assert test.fingerprint == open_set("digits", "test").fingerprint != train.fingerprint
    assert test.pixels is not None
    assert test.pixels.shape == (360, 3, 8, 8)
    assert test.pixels.dtype == torch.uint8
    assert int(test.pixels.max()) == 255
    assert torch.equal(test.read(7), test.pixels[7])


@pytest.mark.parametrize("moved", [False, True])
def test_digits_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch, moved: bool) -> None:
    """Which reads them itself if its file is not where it was."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    if moved:
        monkeypatch.setattr("zennas.data.sets.digits.find_spec", lambda name: None)
    images, labels = load_digits(return_X_y=True)
    scaled = (images * 255 / 16).round().astype(np.uint8).reshape(-1, 1, 8, 8).repeat(3, axis=1)
    parts = train_test_split(np.arange(len(labels)), test_size=0.2, random_state=0, stratify=labels)
    assert not set(parts[0]) & set(parts[1])
    for split, part in zip(("train", "test"), parts, strict=True):
        found = open_set("digits", split)
        assert found.pixels is not None
        assert np.array_equal(found.pixels.numpy(), scaled[part])
        assert np.array_equal(found.labels, labels[part])


def fake_cifar(monkeypatch: pytest.MonkeyPatch, kind: str, classes: int) -> list[Any]:
    """torchvision's class without its archive; the list gets the arguments that it is made with."""
    from torchvision import datasets

    calls: list[Any] = []

    def fake(self: Any, root: Path, train: bool, download: bool) -> None:
        calls.append((root, train, download))
        count = 20 if train else 8
        self.data = np.random.default_rng(0).integers(0, 255, (count, 32, 32, 3), dtype=np.uint8)
        self.targets = [i % classes for i in range(count)]
        self.classes = [f"class {i}" for i in range(classes)]

    monkeypatch.setattr(getattr(datasets, kind), "__init__", fake)
    return calls


@pytest.mark.parametrize(("name", "kind", "classes"), [("cifar10", "CIFAR10", 10), ("cifar100", "CIFAR100", 100)])
def test_cifar_by_torchvision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, kind: str, classes: int
) -> None:
    calls = fake_cifar(monkeypatch, kind, classes)
    train, test = (open_set(name, split, tmp_path) for split in ("train", "test"))  # type: ignore[arg-type]
    open_set(name, "test")
    assert calls == [
        (tmp_path, True, True),
        (tmp_path, False, True),
        (Path.home() / f"data/pytorch_{name}", False, True),
    ]
    assert (len(train), len(test), len(train.classes)) == (20, 8, classes)
    assert (train.name, test.name) == (f"{name}, training images", f"{name}, test images")
    assert train.usual.normalisation == Normalisation((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    data = np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), dtype=np.uint8)
    assert np.array_equal(test.read(3).permute(1, 2, 0).numpy(), data[3])


def test_cifar_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    def unreachable(self: object, root: Path, **settings: object) -> None:
        root.mkdir(exist_ok=True)
        raise OSError("no route\nto host")

    monkeypatch.setattr(datasets.CIFAR10, "__init__", unreachable)
    said = refused("cifar10", "test", tmp_path / "absent")
    assert said.startswith(f"cifar10 is not in {tmp_path}/absent and could not be downloaded (no route to host); put")
    assert said.endswith("cifar-10-batches-py there, or give its folder with --data")
    assert not (tmp_path / "absent").exists()
    (tmp_path / "mine").mkdir()
    refused("cifar10", "test", tmp_path / "mine")
    assert (tmp_path / "mine").is_dir()


def test_cifar_in_archives(tmp_path: Path) -> None:
    for part in ("train", "test"):
        archive(tmp_path / f"cifar10_jpeg_{part}.npz", [picture(i, 32, 32) for i in range(6 if part == "train" else 4)])
    assert len(open_set("cifar10", "train", tmp_path)) == 6
    assert len(open_set("cifar10", "test", tmp_path / "cifar10_jpeg_train.npz")) == 4
