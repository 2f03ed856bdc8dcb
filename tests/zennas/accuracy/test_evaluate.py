"""`zennas.evaluate`: its result, other weights, and the data set that a model is for."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import zennas
from PlainNet import parse
from PlainNet.checkpoint import CheckpointError
from PlainNet.masternet import build
from tests.conftest import SMALL
from zennas.accuracy.evaluation import EvaluationResult
from zennas.accuracy.suited import suited, usual_dataset
from zennas.api import evaluate
from zennas.common.errors import WrongSettingError
from zennas.data import DataError, open_set
from zennas.named.models import trained_model

from .conftest import PETS, cifar, trained


def test_the_function(digits_model: Path) -> None:
    seen: list[tuple[int, int, float]] = []
    result = zennas.evaluate(
        digits_model, batch_size=100, device="cpu", progress=lambda done, total, top1: seen.append((done, total, top1))
    )
    assert isinstance(result, EvaluationResult)
    assert [(done, total) for done, total, _ in seen] == [(100, 360), (200, 360), (300, 360), (360, 360)]
    assert seen[-1][2] == pytest.approx(result.top1)
    assert (result.model, result.device, result.batch_size) == (str(digits_model), "cpu", 100)
    assert result.images_per_second > 0
    assert json.loads(json.dumps(result.to_json(), allow_nan=False))["top1"] == result.top1
    assert evaluate(str(digits_model.parent)).top1 == result.top1  # a folder with one training


def test_other_weights(digits_model: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    other = tmp_path / "other.pth"
    torch.save(build(parse(SMALL), num_classes=10).state_dict(), other)
    assert evaluate(digits_model, checkpoint=other).top5 != evaluate(digits_model).top5
    with pytest.raises(CheckpointError, match=r"nowhere\.pt does not exist"):
        evaluate(digits_model, checkpoint=tmp_path / "nowhere.pt")


@pytest.mark.parametrize(
    ("name", "classes", "facts", "expected"),
    [
        ("a", 10, {"dataset": "digits"}, "digits"),
        ("a", 1000, {"dataset": "imagenet1k"}, "imagenet"),
        ("my_cifar100_net", 100, {}, "cifar100"),
        ("my_cifar10_net", 10, {"dataset": None}, "cifar10"),
        ("imagenet_net", 21841, {}, "imagenet"),
        ("a", 10, {}, "cifar10"),
        ("a", 1000, {}, "imagenet"),
        ("a", 12, {}, None),
    ],
)
def test_the_data_set_that_a_model_is_for(
    digits_model: Path, name: str, classes: int, facts: dict[str, Any], expected: str | None
) -> None:
    found = replace(trained_model(str(digits_model)), name=name, facts=facts)
    found.network.num_classes = classes
    if expected is not None:
        assert usual_dataset(found) == expected
        return
    with pytest.raises(WrongSettingError, match="the data set of a is not known: name it with --dataset"):
        usual_dataset(found)


def test_models_of_the_zoo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A published model with weights of a file; CIFAR-10 is read by torchvision, whose class is replaced."""
    import ZenNet

    name = "zennet_cifar10_model_size05M_res32"
    weights = tmp_path / "w.pth"
    torch.save(ZenNet.get_ZenNet(name).state_dict(), weights)
    cifar(monkeypatch, 12)
    found = evaluate(name, checkpoint=weights, data_folder=tmp_path)
    assert (found.model, found.dataset, found.images) == (name, "cifar10, test images", 12)
    assert (found.resolution, found.crop) == (32, None)


def test_classes_without_names_are_matched_by_position(
    digits_model: Path, pets_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = r"pets has 3 classes, but digits, test images has 10: .*--dataset"
    with pytest.raises(DataError, match=said):
        evaluate(pets_model, dataset="digits")
    cifar(monkeypatch, 4)
    note = evaluate(digits_model, dataset="cifar10").note
    assert note == f"the classes of {digits_model} have no names: they are matched by position"


def test_numbers_that_both_have_are_names(digits_model: Path) -> None:
    """Folders 1 to 10 and 0 to 9: by position, every 5 would count as a 4."""
    images = open_set("digits", "test")
    found = trained_model(str(digits_model))
    shifted = tuple(str(number) for number in range(1, 11))
    for names in (shifted, tuple(sorted(shifted))):
        matched, note = suited(replace(found, classes=names), images)
        assert [names[label] for label in matched.labels] == [str(label) for label in images.labels if label]
        assert note is not None and "because" in note and "does not know their classes: 0;" in note


def test_classes_are_matched_by_name(pets_model: Path, photographs: Path, tmp_path: Path) -> None:
    """The same network with its outputs permuted, or on a part of the classes, answers as before."""
    pets = evaluate(pets_model)
    turned = trained(tmp_path / "turned", PETS[::-1], str(photographs))
    state = torch.load(pets_model / "weights.pt", weights_only=True)["state_dict"]
    for name in ("fc_linear.weight", "fc_linear.bias"):
        state[name] = state[name].flip(0)
    torch.save({"state_dict": state}, turned / "weights.pt")
    card = json.loads((turned / "train.json").read_text())
    (turned / "train.json").write_text(json.dumps({**card, "crop_image_size": 24}))
    found = evaluate(turned)
    assert (found.top1, found.images, found.note) == (pets.top1, pets.images, None)


def test_images_of_classes_that_the_model_does_not_know_are_left_out(
    pets_model: Path, photographs: Path, tmp_path: Path
) -> None:
    others = shutil.copytree(photographs, tmp_path / "others")
    (others / "val" / "cat").rename(others / "val" / "zebra")
    found = evaluate(pets_model, dataset=str(others))
    assert found.images == 16
    assert found.note == (
        f"8 of 24 images of {others}/val are left out, because {pets_model} does not know their classes: zebra; "
        f"{others}/val has 2 of the 3 classes of {pets_model}"
    )
    shutil.rmtree(others / "val" / "zebra")
    without = evaluate(pets_model, dataset=str(others))
    assert (without.top1, without.images) == (found.top1, 16)
    assert without.note == f"{others}/val has 2 of the 3 classes of {pets_model}"
    (others / "val" / "dog").rename(others / "val" / "doe")
    (others / "val" / "élan").rename(others / "val" / "elk")
    with pytest.raises(DataError, match=r"has no images of the classes of .*: it has doe, elk, but .* cat, dog, élan"):
        evaluate(pets_model, dataset=str(others))
