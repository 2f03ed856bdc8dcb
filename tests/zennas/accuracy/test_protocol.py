"""How images are shown in an evaluation: as Zen-NAS does, in any precision, by any number of processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms

from zennas.accuracy.evaluation import EvaluationResult, _workers
from zennas.accuracy.settings import EvaluationSettings
from zennas.api import evaluate
from zennas.data import open_set
from zennas.named.models import trained_model

from .conftest import MEAN, PETS, STD


def plain_logits(model: Path, images: Sequence[Image.Image], crop: int | None) -> Tensor:
    """What Zen-NAS's val.py computes, one image at a time and all by PIL; crop: None for small images."""
    network = trained_model(str(model)).network
    steps: list[Any] = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    if crop is not None:
        side = math.ceil(crop / 0.875)
        resize = transforms.Resize(side, interpolation=transforms.InterpolationMode.BICUBIC)
        steps = [resize, transforms.CenterCrop(side), *steps]
    view = transforms.Compose(steps)
    batch = [torch.nn.functional.interpolate(view(one)[None], 16, mode="bilinear") for one in images]
    with torch.no_grad():
        return network(torch.cat(batch))  # type: ignore[no-any-return]


def answers(model: Path, dataset: str, **settings: Any) -> tuple[EvaluationResult, Tensor]:
    """The result, and all logits that it is made of."""
    from zennas.accuracy.evaluation import evaluate_model

    found = trained_model(str(model))
    logits: list[Tensor] = []
    found.network.register_forward_hook(lambda module, given, out: logits.append(out.detach().float()))
    return evaluate_model(found, EvaluationSettings(dataset, **settings)), torch.cat(logits)


def per_cent(logits: Tensor, labels: Tensor, k: int) -> float:
    best = logits.argsort(dim=1, descending=True)[:, :k]
    return 100 * float((best == labels[:, None]).any(dim=1).double().mean())


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_photographs_are_shown_as_zen_nas_shows_them(pets_model: Path, photographs: Path, batch_size: int) -> None:
    paths = sorted((photographs / "val").glob("*/*.png"), key=lambda path: (path.parent.name, path.name))
    labels = torch.tensor([PETS.index(path.parent.name) for path in paths])
    expected = plain_logits(pets_model, [Image.open(path).convert("RGB") for path in paths], crop=24)
    found, logits = answers(pets_model, str(photographs), batch_size=batch_size)
    assert float((logits - expected).abs().max()) < 1e-2 * float(expected.abs().max())
    assert len(set(expected.argmax(1).tolist())) == 3
    assert found.top1 == pytest.approx(per_cent(expected, labels, 1))
    assert (found.top5, found.images, found.crop, found.resolution) == (100, 24, 24, 16)
    assert found.skipped == ()


def test_small_images_are_only_resized(digits_model: Path) -> None:
    from sklearn.datasets import load_digits

    images = open_set("digits", "test")
    pictures = [Image.fromarray(images.read(i).permute(1, 2, 0).numpy()) for i in range(len(images))]
    assert load_digits().images.shape[1:] == (8, 8)
    labels = torch.from_numpy(images.labels)
    expected = plain_logits(digits_model, pictures, crop=None)
    found, logits = answers(digits_model, "digits", batch_size=50)
    assert float((logits - expected).abs().max()) < 1e-4
    assert len(set(expected.argmax(1).tolist())) > 2
    assert (found.top1, found.top5) == pytest.approx((per_cent(expected, labels, 1), per_cent(expected, labels, 5)))
    assert (found.images, found.crop, found.dataset) == (360, None, "digits, test images")


@pytest.mark.parametrize(("precision", "error"), [("bf16", 0.1), ("fp16", 0.01), ("mixed", 0.01)])
def test_precisions_agree(digits_model: Path, precision: str, error: float) -> None:
    _, exact = answers(digits_model, "digits")
    found, logits = answers(digits_model, "digits", precision=precision)
    assert 0 < float((logits - exact).abs().max()) < error * float(exact.abs().max())
    assert found.precision == precision


def test_another_resolution_scales_the_crop(pets_model: Path, digits_model: Path) -> None:
    found = evaluate(pets_model, resolution=32)
    assert (found.resolution, found.crop) == (32, 48)
    assert evaluate(digits_model, resolution=8).resolution == 8


def test_processes_see_what_one_sees(pets_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zennas.accuracy.evaluation.cores", lambda: 1)
    alone = evaluate(pets_model, workers=0)
    several = evaluate(pets_model, workers=3)  # one at most, as there is one core
    assert (several.top1, several.images) == (alone.top1, alone.images)


def test_processes_where_they_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zennas.accuracy.evaluation.cores", lambda: 16)
    digits = open_set("digits", "test")
    assert _workers(digits, 6) == 0  # in memory
    for images, wanted, expected in ((999, None, 0), (3000, None, 3), (50_000, None, 8), (10, 12, 12), (10, 99, 16)):
        photographs = replace(digits, pixels=None, labels=np.zeros(images, np.int64))
        assert _workers(photographs, wanted) == expected
