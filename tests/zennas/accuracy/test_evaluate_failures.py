"""Evaluations that fail: images, answers, memory, settings and models that are none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from PlainNet.checkpoint import CheckpointError
from PlainNet.registry import UnknownNameError
from tests.zennas.conftest import Run
from zennas.accuracy.evaluation import EvaluationError
from zennas.accuracy.settings import EvaluationSettings
from zennas.api import evaluate
from zennas.common.errors import WrongSettingError
from zennas.data import DataError
from zennas.named.models import trained_model
from zennas.named.structures import TargetError

from .conftest import trained


def test_images_that_cannot_be_read(pets_model: Path, photographs: Path, tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "some"
    shutil.copytree(photographs, folder)
    for name in ("a", "b", "c", "d", "e"):
        (folder / "val" / "cat" / f"{name}.jpg").write_bytes(b"")
    said = r"cat/a.jpg cannot be read as an image: not a known image format; .*--skip-corrupt"
    with pytest.raises(DataError, match=said) as caught:
        evaluate(pets_model, dataset=str(folder))
    assert "\n" not in str(caught.value)
    result = evaluate(pets_model, dataset=str(folder), skip_corrupt=True)
    assert (result.images, len(result.skipped)) == (24, 5)
    assert result.top1 == evaluate(pets_model).top1
    code, out, err = run("eval", str(pets_model), "--dataset", str(folder), "--skip-corrupt")
    assert (code, err) == (0, "")
    assert "left out 5 images:" in out
    assert out.count("cannot be read as an image") == 3
    assert "and 2 more" in out
    for one in (folder / "val").glob("*/*.png"):
        one.unlink()
    (folder / "val" / "dog" / "a.png").write_bytes(b"x")
    (folder / "val" / "élan" / "a.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"no image could be read: .*a.jpg"):
        evaluate(pets_model, dataset=str(folder), skip_corrupt=True)


def test_names_that_are_no_text(pets_model: Path, photographs: Path, tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "some"
    shutil.copytree(photographs, folder)
    with open(os.path.join(os.fsencode(folder), b"val", b"cat", b"\xff\n.jpg"), "wb") as file:
        file.write(b"none")
    code, out, err = run("eval", str(pets_model), "--dataset", str(folder), "--skip-corrupt")
    assert (code, err) == (0, "")
    assert "\\xff\\n.jpg cannot be read" in out


def test_answers_have_to_be_numbers(digits_model: Path, tmp_path: Path) -> None:
    state = torch.load(digits_model / "weights.pt", weights_only=True)["state_dict"]
    state["fc_linear.weight"] = state["fc_linear.weight"] * 1e6
    torch.save({"state_dict": state}, tmp_path / "large.pt")
    assert evaluate(digits_model, checkpoint=tmp_path / "large.pt").images == 360
    said = "are not finite in fp16: evaluate it in fp32"
    with pytest.raises(EvaluationError, match=said):
        evaluate(digits_model, checkpoint=tmp_path / "large.pt", precision="fp16")
    state["fc_linear.weight"] = state["fc_linear.weight"].clamp(-1, 1) * 3e38
    torch.save({"state_dict": state}, tmp_path / "larger.pt")
    with pytest.raises(EvaluationError, match="not finite in fp32: its weights are damaged"):
        evaluate(digits_model, checkpoint=tmp_path / "larger.pt")


def test_memory_that_does_not_suffice(digits_model: Path) -> None:
    found = trained_model(str(digits_model))

    def full(*given: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate")

    found.network.register_forward_pre_hook(full)
    from zennas.accuracy.evaluation import evaluate_model

    with pytest.raises(
        EvaluationError, match=r"^cpu has too little memory for a batch of 256 images of 16×16 pixels: lower --batch"
    ):
        evaluate_model(found, EvaluationSettings("digits"))


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"batch_size": 0}, WrongSettingError, "batch_size is 0, expected from 1 to 1000000"),
        ({"batch_size": 2.0}, WrongSettingError, "batch_size is 2.0, expected a whole number"),
        ({"precision": "int8"}, WrongSettingError, "precision is 'int8', expected fp32, bf16, fp16 or mixed"),
        ({"workers": -1}, WrongSettingError, "workers is -1, expected from 0 to 1024"),
        ({"resolution": 5000}, WrongSettingError, "resolution is 5000, expected from 1 to 2048 pixels"),
        ({"device": "cuda:99"}, ValueError, "device cuda:99 does not exist"),
        (
            {"data_folder": "x"},
            WrongSettingError,
            "--data is x, but digits takes no such folder, only cifar10, cifar100, imagenet do",
        ),
        ({"dataset": "nowhere"}, DataError, "there is no data set 'nowhere'"),
        ({"speed": 2}, TypeError, "speed"),
    ],
)
def test_what_cannot_be(digits_model: Path, settings: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        evaluate(digits_model, **settings)


def test_models_that_are_none(tmp_path: Path, digits_model: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown model 'zennet_cifar10': did you mean"):
        evaluate("zennet_cifar10")
    with pytest.raises(TargetError, match="contains no trained weights"):
        evaluate(tmp_path)
    moved = trained(tmp_path / "moved", "ab", "photos/of/then")
    with pytest.raises(DataError, match=r"no data set 'photos/of/then'.*moved was trained on these.*--dataset"):
        evaluate(moved)
    (moved / "weights.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"weights\.pt cannot be read"):
        evaluate(moved)
