"""Evaluating trained models: `zennas.accuracy.protocol`, `zennas eval`, and the programs with Zen-NAS's flags."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms

import zennas
from PlainNet import parse
from PlainNet.checkpoint import CheckpointError
from PlainNet.masternet import build
from PlainNet.registry import UnknownNameError
from tests.conftest import SMALL
from tests.zennas.conftest import Run
from zennas.accuracy.evaluation import EvaluationError, EvaluationResult, _workers
from zennas.accuracy.settings import EvaluationSettings
from zennas.accuracy.suited import usual_dataset
from zennas.api import evaluate
from zennas.common.errors import WrongSettingError
from zennas.data import DataError, open_set
from zennas.named.models import trained_model
from zennas.named.structures import TargetError

ROOT = Path(__file__).resolve().parents[3]
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
PETS = ("cat", "dog", "élan")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """On a busy machine the threads of small networks wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


@pytest.fixture(scope="module")
def digits_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("runs") / "digits", "0123456789", "digits")


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def pets_model(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    return trained(tmp_path_factory.mktemp("runs") / "pets", PETS, str(photographs), crop_image_size=24)


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


# -- the protocol --------------------------------------------------------------------------------


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


# -- the function --------------------------------------------------------------------------------


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


def cifar(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    from torchvision import datasets

    def fake(self: Any, root: Path, train: bool, download: bool) -> None:
        self.data = np.random.default_rng(0).integers(0, 255, (count, 32, 32, 3), dtype=np.uint8)
        self.targets = [i % 10 for i in range(count)]
        self.classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

    monkeypatch.setattr(datasets.CIFAR10, "__init__", fake)


def test_classes_have_to_be_the_model_s(
    digits_model: Path, pets_model: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = r"pets has 3 classes, but digits, test images has 10: .*--dataset"
    with pytest.raises(DataError, match=said):
        evaluate(pets_model, dataset="digits")
    turned = trained(tmp_path / "turned", PETS[::-1], str(photographs))
    with pytest.raises(
        DataError, match=r"val has the classes of .*turned in a different order: class 0 is cat instead of élan"
    ):
        evaluate(turned)
    birds = trained(tmp_path / "birds", ("cat", "dog", "emu"), str(photographs))
    assert "class names in .* differ from the model's: class 2 of 3 is élan instead of emu".replace(
        ".*", str(photographs / "val")
    ) in str(evaluate(birds).note)
    cifar(monkeypatch, 4)
    assert evaluate(digits_model, dataset="cifar10").note is None  # "0" to "9" may be numbers of any class


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
        ({"batch_size": 0}, WrongSettingError, "batch_size is 0, expected at least 1"),
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
    with pytest.raises(
        DataError, match=r"no data set 'photos/of/then'.*moved was trained on these images: .*--dataset"
    ):
        evaluate(moved)
    (moved / "weights.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"weights\.pt cannot be read"):
        evaluate(moved)


# -- the command ---------------------------------------------------------------------------------


def test_the_command(digits_model: Path, pets_model: Path, run: Run) -> None:
    expected = evaluate(digits_model, batch_size=64)
    code, out, err = run("eval", str(digits_model), "--batch-size", "64", "--json")
    assert (code, err) == (0, "")
    content = json.loads(out)
    assert content["top1"] == expected.top1
    assert content["images"] == 360
    code, out, err = run("eval", str(digits_model), "--precision", "BF16", "--device", "cpu")
    assert (code, err) == (0, "")
    for words in ("digits, test images: 360 images", "resized to 16×16", "in bf16 on cpu, 256 images", "top-5"):
        assert words in out
    out = run("eval", str(pets_model))[1]
    assert "short side resized to 28, the central square resized to 16×16" in out
    assert f"{evaluate(pets_model).top1:.2f} %" in out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--dataset", "nowhere"], 1, "there is no data set 'nowhere'"),
        (["--gpu", "99"], 2, "--gpu 99: device cuda:99 does not exist"),
        (["--precision", "int4"], 2, "precision is 'int4', expected"),
        (["--checkpoint", "nowhere"], 1, "nowhere does not exist"),
        (["--batch-size", "0"], 2, "--batch-size"),
        (["--workers", "-1"], 2, "--workers"),
    ],
)
def test_wrong_use(digits_model: Path, run: Run, arguments: list[str], code: int, says: str) -> None:
    found, out, err = run("eval", str(digits_model), *arguments)
    assert (found, out) == (code, "")
    assert says in err
    assert "Traceback" not in err


def test_names_that_are_no_text(pets_model: Path, photographs: Path, tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "some"
    shutil.copytree(photographs, folder)
    with open(os.path.join(os.fsencode(folder), b"val", b"cat", b"\xff\n.jpg"), "wb") as file:
        file.write(b"none")
    code, out, err = run("eval", str(pets_model), "--dataset", str(folder), "--skip-corrupt")
    assert (code, err) == (0, "")
    assert "\\udcff .jpg cannot be read" in out


# -- the programs with Zen-NAS's flags -----------------------------------------------------------


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def last_line(model: Path, result: EvaluationResult) -> str:
    return (
        f"*** arch={model}, validation top-1 acc={result.top1:.6g}%, top-5 acc={result.top5:.6g}%, "
        f"number of evaluated images={result.images}"
    )


def test_val_cifar(digits_model: Path) -> None:
    found = program("val_cifar.py", "--dataset", "digits", "--arch", str(digits_model))
    assert (found.returncode, found.stderr) == (0, "")
    first, last = found.stdout.splitlines()
    assert first == f"Evaluate {digits_model} at 16x16 resolution."
    assert last == last_line(digits_model, evaluate(digits_model))


def test_val(pets_model: Path, photographs: Path) -> None:
    flags = ["--data", str(photographs), "--workers", "0", "--batch_size", "5", "--apex"]
    found = program("val.py", "--arch", str(pets_model), *flags)
    assert found.returncode == 0, found.stderr
    assert found.stderr == "--apex: using torch.autocast for mixed precision; Apex is not needed\n"
    assert found.stdout.splitlines()[-1] == last_line(pets_model, evaluate(pets_model, precision="mixed"))


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["val.py"], 2, "required: --arch"),
        (["val.py", "--arch", "zennet_imagenet"], 2, "unknown model 'zennet_imagenet': did you mean"),
        (["val_cifar.py", "--arch", "MODEL", "--dataset", "nowhere"], 1, "there is no data set 'nowhere'"),
        (["val_cifar.py", "--arch", "MODEL", "--gpu", "99"], 2, "device cuda:99 does not exist"),
        (["val_cifar.py", "--arch", "MODEL", "--batch_size", "x"], 2, "'x' is not a number"),
        (["val.py", "--arch", "MODEL", "--data", "nowhere"], 1, "imagenet is not in nowhere"),
    ],
)
def test_programs_used_wrongly(
    digits_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, arguments: list[str], code: int, says: str
) -> None:
    from importlib import import_module

    from zennas.cli.errors import guarded

    monkeypatch.syspath_prepend(ROOT)
    name, *flags = [str(digits_model) if one == "MODEL" else one for one in arguments]
    monkeypatch.setattr(sys, "argv", [name, *flags])
    with pytest.raises(SystemExit) as left:
        guarded(import_module(name.removesuffix(".py")).main)
    assert left.value.code == code
    err = capsys.readouterr().err
    assert says in err
    assert "Traceback" not in err
