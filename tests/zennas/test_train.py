"""The short training: data, determinism, files, and what goes wrong."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import zennas
from PlainNet import build, parse
from PlainNet.checkpoint import load_checkpoint
from tests.conftest import SMALL
from zennas.train.data import load_data
from zennas.train.loop import evaluate, train_network
from zennas.train.recipe import Recipe, TrainingError
from zennas.train.runner import train_structure

SHORT = Recipe(epochs=2, batch_size=64)


def test_digits_are_split_once_and_for_all() -> None:
    data = load_data("digits", SHORT, 16)
    assert (data.train_images, data.test_images, data.num_classes) == (1437, 360, 10)
    test = [y for _, batch in data.test for y in batch.tolist()]
    assert len(test) == 360
    assert min(test.count(c) for c in range(10)) >= 34
    again = [y for _, batch in load_data("digits", Recipe(seed=5), 16).test for y in batch.tolist()]
    assert test == again


def test_batches_are_normalised_shuffled_and_moved() -> None:
    data = load_data("digits", SHORT, 32)
    batches = list(data.train)
    assert len(batches) == len(data.train) == 1437 // 64
    x = torch.cat([x for x, _ in batches])
    assert x.shape[1:] == (3, 32, 32)
    assert abs(float(x.mean())) < 0.15
    assert float(x.std()) == pytest.approx(1, abs=0.1)
    order = [y.tolist() for _, y in batches]
    assert order != [y.tolist() for _, y in data.train]
    assert order == [y.tolist() for _, y in load_data("digits", SHORT, 32).train]
    still = load_data("digits", Recipe(augment=False, batch_size=2000), 32)
    assert len(still.train) == 1
    moved = load_data("digits", Recipe(batch_size=2000), 32)
    (a, _), (b, _) = next(iter(still.train)), next(iter(moved.train))
    assert not torch.equal(a, b)


def test_the_schedule_rises_and_falls() -> None:
    recipe = Recipe(epochs=10, batch_size=128, lr=0.4, warmup=1)
    assert recipe.lr_at(0) == 0
    assert recipe.lr_at(0.1) == pytest.approx(0.2)
    assert recipe.lr_at(0.55) == pytest.approx(0.1)
    assert recipe.lr_at(1) == pytest.approx(0, abs=1e-12)
    assert Recipe(warmup=0).lr_at(0) > 0
    with pytest.raises(TrainingError, match="epochs is 0"):
        Recipe(epochs=0)
    with pytest.raises(TrainingError, match="lr is nan"):
        Recipe(lr=float("nan"))


def test_training_learns_and_its_files_can_be_used(tmp_path: Path) -> None:
    folder = tmp_path / "trained"
    result = zennas.train(SMALL, dataset="digits", epochs=3, resolution=16, save_dir=folder, device="cpu")
    assert result.top1 > 50
    card = json.loads((folder / "train.json").read_text())
    assert card["top1"] == result.top1
    assert card["structure"] == SMALL
    assert card["recipe"]["epochs"] == 3
    assert len(list(csv.DictReader((folder / "history.csv").read_text().splitlines()))) == 3
    network = build(parse(SMALL), num_classes=10)
    load_checkpoint(network, folder / "weights.pt")
    assert evaluate(network, load_data("digits", SHORT, 16).test, torch.device("cpu")) == pytest.approx(result.top1)
    with pytest.raises(TrainingError, match="holds trained weights already"):
        zennas.train(SMALL, epochs=1, save_dir=folder)


def test_the_seed_decides_the_weights(tmp_path: Path) -> None:
    def weights(name: str, seed: int) -> torch.Tensor:
        recipe = Recipe(epochs=1, batch_size=256, seed=seed)
        train_structure(parse(SMALL), tmp_path / name, dataset="digits", recipe=recipe, resolution=8, device="cpu")
        state = torch.load(tmp_path / name / "weights.pt", weights_only=True)["state_dict"]
        return state["blocks.0.0.weight"]  # type: ignore[no-any-return]

    first = weights("a", 0)
    assert torch.equal(first, weights("b", 0))
    assert not torch.equal(first, weights("c", 1))


def test_a_loss_that_explodes_is_told(tmp_path: Path) -> None:
    recipe = Recipe(epochs=2, lr=1e30, warmup=0)
    with pytest.raises(TrainingError, match="try a lower --lr"):
        train_structure(parse(SMALL), tmp_path / "x", dataset="digits", recipe=recipe, resolution=8, device="cpu")
    assert not (tmp_path / "x").exists()


def images(folder: Path, split: str, classes: dict[str, int], rng: np.random.Generator) -> None:
    from PIL import Image

    for name, count in classes.items():
        place = folder / split / name
        place.mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 255, (20, 24, 3), dtype=np.uint8)).save(place / f"{i}.png")


def test_a_folder_of_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        images(tmp_path, split, {"cat": 5, "dog": 4}, rng)
    data = load_data(str(tmp_path), Recipe(batch_size=4), 16)
    assert (data.num_classes, data.train_images, data.test_images) == (2, 9, 9)
    network = build(parse(SMALL), num_classes=2)
    history = train_network(network, data, Recipe(epochs=1, batch_size=4), torch.device("cpu"))
    assert len(history) == 1
    x, _ = next(iter(data.test))
    assert x.shape == (9, 3, 16, 16)


def test_missing_data_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"train and .*val not there"):
        load_data(str(tmp_path / "nowhere"), SHORT, 16)
    rng = np.random.default_rng(0)
    images(tmp_path, "train", {"cat": 1, "dog": 1}, rng)
    images(tmp_path, "val", {"cat": 1, "cow": 1}, rng)
    with pytest.raises(TrainingError, match="different classes: cow, dog"):
        load_data(str(tmp_path), SHORT, 16)
    (tmp_path / "train" / "empty").mkdir()
    with pytest.raises(TrainingError, match="no data set"):
        load_data(str(tmp_path), SHORT, 16)


def test_cifar_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    def unreachable(*args: object, **kwargs: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(datasets.CIFAR10, "__init__", unreachable)
    with pytest.raises(TrainingError, match=r"cifar10 is not in .*no route to host.*--data"):
        load_data("cifar10", SHORT, 32, tmp_path / "absent")


def test_cifar_from_its_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's class with its download replaced: what is read, resized and split."""
    from torchvision import datasets

    def fake(self: object, root: Path, train: bool, download: bool) -> None:
        count = 20 if train else 8
        self.data = np.random.default_rng(0).integers(0, 255, (count, 32, 32, 3), dtype=np.uint8)  # type: ignore[attr-defined]
        self.targets = [i % 10 for i in range(count)]  # type: ignore[attr-defined]
        self.classes = list("abcdefghij")  # type: ignore[attr-defined]

    monkeypatch.setattr(datasets.CIFAR10, "__init__", fake)
    for resolution in (32, 16):
        data = load_data("cifar10", Recipe(batch_size=4), resolution, tmp_path)
        assert (data.train_images, data.test_images, data.num_classes) == (20, 8, 10)
        x, y = next(iter(data.test))
        assert x.shape == (8, 3, resolution, resolution)
        assert y.tolist() == list(range(8))


@pytest.mark.parametrize("change", [{"epochs": 1.0}, {"batch_size": True}, {"lr": "0.2"}, {"augment": 1}, {"seed": -1}])
def test_recipes_of_the_wrong_kind(change: dict[str, object]) -> None:
    with pytest.raises(TrainingError, match=r"^\S+ is .*, expected"):
        Recipe(**change)  # type: ignore[arg-type]


def test_odd_batches_train_on_the_cpu(tmp_path: Path) -> None:
    # In a process of its own: in channels-last torch 2.15 writes out of bounds here, and dies.
    network = "SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,32,1,1)"
    folder = str(tmp_path / "out")
    code = f"import zennas; zennas.train({network!r}, epochs=1, batch_size=255, device='cpu', save_dir={folder!r})"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
