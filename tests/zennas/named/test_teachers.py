"""Where teachers come from: trainings, the zoo, files, torchvision and timm; nothing is downloaded here."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import zennas
import ZenNet
from latency.base import UnavailableError
from PlainNet.checkpoint import CheckpointError
from PlainNet.registry import UnknownNameError
from tests.conftest import SMALL
from zennas.data import Normalisation
from zennas.data.base import Shown
from zennas.named.structures import TargetError
from zennas.named.teachers import Teacher, TeacherError, teacher_of

TINY = "torchvision:shufflenet_v2_x0_5"
IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
GREY = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def tiny(classes: int, name: str = TINY) -> nn.Module:
    from torchvision.models import get_model

    torch.manual_seed(0)
    return get_model(name.removeprefix("torchvision:"), weights=None, num_classes=classes).eval()  # type: ignore


def equal(teacher: Teacher, module: nn.Module, side: int = 64) -> bool:
    images = torch.randn(2, 3, side, side)
    with torch.no_grad():
        return torch.equal(teacher.module(images), module(images))


def is_still(teacher: Teacher) -> bool:
    modules, weights = teacher.module.modules(), teacher.module.parameters()
    return not any(m.training for m in modules) and not any(p.requires_grad for p in weights)


def test_the_folder_of_a_training(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    zennas.train(SMALL, dataset="digits", epochs=1, batch_size=256, resolution=8, save_dir=folder, device="cpu")
    teacher = teacher_of(str(folder))
    assert (teacher.shown.resolution, teacher.num_classes, teacher.name) == (8, 10, str(folder))
    assert is_still(teacher)
    larger = teacher_of(str(folder), resolution=24)
    assert larger.shown == replace(teacher.shown, resolution=24, crop=24)
    weights = folder / "weights.pt"
    there, file = tmp_path / "there.txt", tmp_path / "moved.pt"
    file.write_bytes(weights.read_bytes())
    there.write_text(SMALL)
    for text in (SMALL, str(there)):
        again = teacher_of(text, file, student=Shown(GREY, 16, 16))
        assert again.shown == Shown(GREY, 16, 16)
        assert equal(teacher, again.module)
        assert is_still(again)
    with pytest.raises(TeacherError, match=r"has no weights: .*--teacher-weights"):
        teacher_of(str(weights), student=Shown(GREY, 16, 16))
    weights.unlink()
    with pytest.raises(TargetError, match="contains no trained weights"):
        teacher_of(str(folder))


def test_a_model_of_the_zoo(tmp_path: Path) -> None:
    name, file = "zennet_cifar100_model_size05M_res32", tmp_path / "weights.pt"
    network = ZenNet.get_ZenNet(name)
    torch.save({"state_dict": network.state_dict()}, file)
    teacher = teacher_of(name, file)
    assert (teacher.shown.resolution, teacher.num_classes, teacher.name) == (32, 100, name)
    assert teacher.shown.normalisation == Normalisation.from_json(ZenNet.model_info(name)["normalisation"])
    assert equal(teacher, network.eval(), 32)
    with pytest.raises(UnknownNameError, match="did you mean"):
        teacher_of("zennet_cifar100_model_size05M_res33")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": {f"module.{name}": value for name, value in state.items()}, "epoch": 3},
        lambda state: {"model": state, "args": argparse.Namespace(lr=0.1), "best": np.float64(71.0)},
        lambda state: {"net": {f"_orig_mod.module.{name}": value for name, value in state.items()}},
        lambda state: {"model_state_dict": {n: x for n, x in state.items() if not n.endswith("num_batches_tracked")}},
        lambda state: {
            "pytorch-lightning_version": "2.5.0",
            "state_dict": {**{f"model.{n}": x for n, x in state.items()}, "loss.weight": torch.ones(7)},
        },
    ],
)
def test_torchvision_with_a_file(tmp_path: Path, wrap: Callable[[Any], Any]) -> None:
    file, module = tmp_path / "weights.pth", tiny(7)
    torch.save(wrap(module.state_dict()), file)
    teacher = teacher_of(TINY, file)
    assert (teacher.num_classes, teacher.name, teacher.shown) == (7, TINY, Shown(IMAGENET, 224, 224))
    assert equal(teacher, module)
    assert is_still(teacher)


def test_of_several_weights_one_is_named(tmp_path: Path) -> None:
    file, modules = tmp_path / "weights.pth", (tiny(7), tiny(7))
    nn.init.zeros_(modules[1].fc.weight)  # type: ignore[arg-type]
    torch.save({"state_dict": modules[0].state_dict(), "state_dict_ema": modules[1].state_dict()}, file)
    with pytest.raises(CheckpointError, match="under state_dict and state_dict_ema: name one of them"):
        teacher_of(TINY, file)
    assert equal(teacher_of(TINY, tmp_path / "weights.pth#state_dict_ema"), modules[1])


def test_files_of_other_networks(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save(tiny(7, "mnasnet0_5").state_dict(), file)
    with pytest.raises(
        CheckpointError, match=rf"^{re.escape(str(file))} does not fit {TINY}: it lacks .* and has "
    ) as told:
        teacher_of(TINY, file)
    assert "\n" not in str(told.value)
    for content in ({"state_dict": {"a": 1}}, [1, 2]):
        torch.save(content, file)
        with pytest.raises(CheckpointError, match="does not contain a state dict"):
            teacher_of(TINY, file)
    with pytest.raises(CheckpointError, match="does not exist"):
        teacher_of(TINY, tmp_path / "absent.pth")
    file.write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
        teacher_of(TINY, file)


class Wicked:
    def __reduce__(self) -> Any:
        return print, ("code was run",)


def test_no_code_in_files_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "weights.pth"
    torch.save({"state_dict": tiny(7).state_dict(), "args": Wicked()}, file)
    with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
        teacher_of(TINY, file)
    assert "code was run" not in capsys.readouterr().out


def test_torchvisions_older_names(tmp_path: Path) -> None:
    file, module = tmp_path / "weights.pth", tiny(3, "densenet121")
    old = {
        re.sub(r"(denselayer\d+\.)(norm|conv)([12])", r"\1\2.\3", name): x for name, x in module.state_dict().items()
    }
    assert old.keys() != module.state_dict().keys()
    torch.save(old, file)
    assert equal(teacher_of("torchvision:densenet121", file), module)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_torchvisions_networks_with_side_answers(tmp_path: Path, name: str) -> None:
    from torchvision.models import get_model

    file, module = tmp_path / "weights.pth", get_model(name, weights=None, num_classes=4, init_weights=False)
    torch.save(module.state_dict(), file)
    teacher = teacher_of(f"torchvision:{name}", file)
    side = teacher.shown.resolution
    assert (teacher.num_classes, side) == (4, 299 if name == "inception_v3" else 224)
    with torch.no_grad():
        assert teacher.module(torch.randn(1, 3, side, side)).shape == (1, 4)


def test_weights_that_cannot_be_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import _api

    def unreachable(*args: object, **kwargs: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(_api, "load_state_dict_from_url", unreachable)
    with pytest.raises(TeacherError, match=rf"{TINY} cannot be loaded: .*no route to host.*--teacher-weights") as told:
        teacher_of(TINY)
    assert "\n" not in str(told.value)


def test_published_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import _api

    module = tiny(1000)
    monkeypatch.setattr(_api, "load_state_dict_from_url", lambda url, **how: module.state_dict())
    teacher = teacher_of(TINY, resolution=64)
    assert (teacher.num_classes, teacher.shown) == (1000, Shown(IMAGENET, 64, 64))
    assert equal(teacher, module)


def test_names_that_torchvision_has_not() -> None:
    with pytest.raises(UnknownNameError, match=r"torchvision has no model 'resnet19': did you mean"):
        teacher_of("torchvision:resnet19")


class FakeModel(nn.Module):
    """A network as timm gives them."""

    def __init__(self, classes: int, side: int, fixed: bool) -> None:
        super().__init__()
        self.head = nn.Linear(3, classes)
        self.num_classes = classes
        self.pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25), "input_size": (3, side, side)}
        self.pretrained_cfg |= {"fixed_input_size": fixed}  # type: ignore[dict-item]

    def forward(self, images: Tensor) -> Tensor:
        answer: Tensor = self.head(images.mean((2, 3)))
        return answer


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A package of two models, and the calls to it."""
    calls: list[dict[str, Any]] = []

    def create_model(name: str, pretrained: bool = False, num_classes: int = 1000, img_size: int = 32) -> nn.Module:
        calls.append({"name": name, "pretrained": pretrained, "img_size": img_size})
        if name.endswith(".absent"):
            raise RuntimeError("Invalid pretrained tag (absent)\nfor it.")
        return FakeModel(num_classes, img_size, fixed=name.startswith("vit"))

    known = ["vit_tiny", "resnet10t"]
    fake = SimpleNamespace(
        create_model=create_model, list_models=lambda: known, is_model=known.__contains__, calls=calls
    )
    monkeypatch.setitem(sys.modules, "timm", fake)
    return fake


def test_timm(timm: SimpleNamespace, tmp_path: Path) -> None:
    teacher = teacher_of("timm:resnet10t.c3_in1k")
    assert timm.calls == [{"name": "resnet10t.c3_in1k", "pretrained": True, "img_size": 32}]
    assert (teacher.shown, teacher.num_classes) == (Shown(GREY, 32, 32), 1000)
    assert teacher.name == "timm:resnet10t.c3_in1k"
    assert is_still(teacher)
    assert teacher_of("timm:resnet10t", resolution=48).shown.resolution == 48
    assert {call["img_size"] for call in timm.calls} == {32}
    teacher_of("timm:vit_tiny", resolution=48)
    assert timm.calls[-1] == {"name": "vit_tiny", "pretrained": True, "img_size": 48}
    file = tmp_path / "weights.pth"
    torch.save(FakeModel(5, 32, False).state_dict(), file)
    assert teacher_of("timm:resnet10t", file).num_classes == 5
    assert not timm.calls[-1]["pretrained"]


def test_timm_without_what_is_asked(timm: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="timm has no model 'resnet10': did you mean resnet10t"):
        teacher_of("timm:resnet10")
    with pytest.raises(
        TeacherError, match=r"cannot be loaded: Invalid pretrained tag \(absent\) for it.; .*--teacher-weights"
    ):
        teacher_of("timm:resnet10t.absent")
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UnavailableError, match=r"needs the package timm .*: pip install 'zennas\[timm\]'"):
        teacher_of("timm:resnet10t")


def test_the_real_timm(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm", reason="needs pip install 'zennas[timm]'")
    save_file = pytest.importorskip("safetensors.torch").save_file
    for name, side in (("resnet10t", 176), ("tf_efficientnet_b0", 224), ("deit_tiny_distilled_patch16_224", 224)):
        module = timm.create_model(name, num_classes=6).eval()
        save_file(module.state_dict(), tmp_path / "weights.safetensors")
        teacher = teacher_of(f"timm:{name}", tmp_path / "weights.safetensors")
        assert (teacher.num_classes, teacher.shown.resolution) == (6, side)
        assert equal(teacher, module, side)
    assert teacher_of("timm:deit_tiny_distilled_patch16_224", _resized(timm, tmp_path), 64).shown.resolution == 64
    with pytest.raises(UnknownNameError, match="did you mean"):
        teacher_of("timm:resnet99")
    with pytest.raises(TeacherError, match="Invalid pretrained tag"):
        teacher_of("timm:resnet10t.absent")


def _resized(timm: Any, folder: Path) -> Path:
    module = timm.create_model("deit_tiny_distilled_patch16_224", num_classes=6, img_size=64)
    torch.save(module.state_dict(), folder / "small.pth")
    return folder / "small.pth"
