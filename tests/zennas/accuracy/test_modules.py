"""Evaluating modules of one's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import zennas
from PlainNet import parse
from tests.conftest import SMALL
from zennas.accuracy.evaluation import EvaluationError
from zennas.common.errors import WrongSettingError
from zennas.data import DataError, Normalisation
from zennas.named.models import trained_model

SHIPPED = "zennet_digits_params100k_res16"


class Wrapped(nn.Module):
    """Somebody's wrapper around a network."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> Any:
        return self.inner(images)


class Pair(Wrapped):
    def forward(self, images: Tensor) -> Any:
        return self.inner(images), None


class Uncopied(Wrapped):
    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("cannot pickle\nthis")


class Linear(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * 8 * 8, classes)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.layer(images.flatten(1))
        return found


def test_a_module_gets_the_accuracy_of_the_model_that_it_is() -> None:
    model = trained_model(SHIPPED)
    expected = zennas.evaluate(SHIPPED, device="cpu")
    module = Wrapped(model.network).train()
    for parameter in module.parameters():
        parameter.requires_grad_(True)
    shown = {"resolution": model.shown.resolution, "normalisation": model.shown.normalisation}
    found = zennas.evaluate(module, dataset="digits", device="cpu", **shown)
    assert (found.top1, found.top5, found.images) == (expected.top1, expected.top5, expected.images)
    assert (found.model, found.resolution) == ("Wrapped", model.shown.resolution)
    lowered = zennas.evaluate(module, dataset="digits", device="cpu", precision="bf16", **shown)
    assert lowered.top1 == pytest.approx(found.top1, abs=2)
    assert module.training  # a copy was evaluated
    assert {p.dtype for p in module.parameters()} == {torch.float32}
    assert all(p.requires_grad for p in module.parameters())


def test_the_data_set_says_the_rest() -> None:
    found = zennas.evaluate(Linear(10), dataset="digits", device="cpu")
    assert (found.dataset, found.resolution, found.images > 100) == ("digits, test images", 8, True)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: zennas.evaluate(Linear(10)), WrongSettingError, "dataset is missing, .* of type Linear .*digits"),
        (lambda: zennas.evaluate(Linear(10), dataset="imagenet"), WrongSettingError, "resolution is missing"),
        (lambda: zennas.evaluate(Linear(7), dataset="digits", device="cpu"), DataError, "Linear has 7 classes, but"),
        (
            lambda: zennas.evaluate(Linear(10), dataset="digits", resolution=9),
            EvaluationError,
            "of type Linear fails on images of 9×9 pixels",
        ),
        (lambda: zennas.evaluate(Pair(Linear(10)), dataset="digits"), EvaluationError, "Pair returns tuple for 2"),
        (lambda: zennas.evaluate(nn.Identity(), dataset="digits"), EvaluationError, "Identity returns a tensor of"),
        (lambda: zennas.evaluate(Linear(10), checkpoint="x.pt"), WrongSettingError, "checkpoint is not for modules"),
        (
            lambda: zennas.evaluate(Uncopied(Linear(10)), dataset="digits"),
            EvaluationError,
            "Uncopied cannot be copied: cannot pickle this",
        ),
        (lambda: zennas.evaluate(3), WrongSettingError, "the model is of type int, expected the folder"),
        (
            lambda: zennas.evaluate(SHIPPED, normalisation=Normalisation((0.5, 0.5, 0.5), (1.0, 1.0, 1.0))),
            WrongSettingError,
            "normalisation is only for modules",
        ),
        (lambda: zennas.export(Linear(10)), WrongSettingError, "the network is an object of type Linear, expected"),
        (
            lambda: zennas.train(Linear(10), dataset="digits"),
            WrongSettingError,
            "the network is an object of type Linear, expected a structure",
        ),
    ],
)  # fmt: skip
def test_why_not_is_one_line_without_the_module(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as told:
        call()
    assert "\n" not in str(told.value)
    assert "in_features" not in str(told.value)


def test_a_parsed_structure_is_trained(tmp_path: Any) -> None:
    zennas.train(
        parse(SMALL), dataset="digits", epochs=1, batch_size=256, resolution=8, save_dir=tmp_path / "x", device="cpu"
    )
    assert (tmp_path / "x" / "weights.pt").is_file()
