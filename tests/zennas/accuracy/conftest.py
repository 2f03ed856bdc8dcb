"""What the tests of evaluation share: models that count as trained, photographs, CIFAR-10 without its archive."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from PlainNet import parse
from PlainNet.masternet import build
from tests.conftest import SMALL
from tests.zennas.threads import one_thread as one_thread

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
PETS = ("cat", "dog", "élan")


def trained(folder: Path, classes: Sequence[str], dataset: str, **facts: object) -> Path:
    """The folder of a training that never was: weights at random, and such that answers differ."""
    folder.mkdir(parents=True)
    torch.manual_seed(len(classes))
    network = build(parse(SMALL), num_classes=len(classes))
    smooth = torch.nn.functional.interpolate(2 * torch.randn(64, 3, 4, 4), 16, mode="bilinear")
    with torch.no_grad():
        for _ in range(30):
            network(smooth)
        logits = network.eval()(smooth)
        network.fc_linear.bias -= logits.mean(0)
        for parameter in network.fc_linear.parameters():
            parameter /= logits.std(0).mean()
    card = {
        "structure": SMALL,
        "num_classes": len(classes),
        "resolution": 16,
        "use_se": False,
        "classes": list(classes),
        "normalisation": {"mean": MEAN, "std": STD},
        "dataset": dataset,
        "top1": 12.5,
        **facts,
    }
    (folder / "train.json").write_text(json.dumps(card))
    torch.save({"state_dict": network.state_dict()}, folder / "weights.pt")
    return folder


@pytest.fixture(scope="session")
def digits_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("runs") / "digits", "0123456789", "digits")


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of many sizes in val/, smooth as photographs are."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(24):
        place = folder / "val" / PETS[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (5, 4, 3), dtype=np.uint8))
        width, height = rng.integers(10, 90, 2).tolist()
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(place / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def pets_model(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    return trained(tmp_path_factory.mktemp("runs") / "pets", PETS, str(photographs), crop_image_size=24)


def cifar(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    from torchvision import datasets

    def fake(self: Any, root: Path, train: bool, download: bool) -> None:
        self.data = np.random.default_rng(0).integers(0, 255, (count, 32, 32, 3), dtype=np.uint8)
        self.targets = [i % 10 for i in range(count)]
        self.classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

    monkeypatch.setattr(datasets.CIFAR10, "__init__", fake)
