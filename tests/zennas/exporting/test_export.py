"""Where exports go, what they look at, and what goes wrong: one line, and nothing written."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import zennas
from latency.base import UnavailableError
from tests.zennas.conftest import Run
from zennas.accuracy.comparison import Accuracies, checked
from zennas.accuracy.images import batches, needed, spread
from zennas.accuracy.protocol import Accuracy, Evaluator
from zennas.common.errors import WrongSettingError
from zennas.data import DataError
from zennas.exporting.base import AccuracyLossError, ExportError, completed
from zennas.exporting.formats import onnx_int8, tensor_rt
from zennas.exporting.formats.onnx_float import Onnx
from zennas.exporting.runner import _path
from zennas.named.models import trained_model

from .conftest import write_model


def entries(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_for_people(run: Run, model: Path) -> None:
    code, out, err = run("export", str(model), "--format", "pt2", "--dataset", "digits")
    assert (code, err) == (0, "")
    path = model / "export" / "tiny.pt2"
    lines = out.splitlines()
    assert lines[0].startswith(f"{path}: pt2 in fp32, ")
    assert lines[1].startswith("checked against PyTorch: logits differ by ")
    assert "8 images of digits, test images in batches of 1, 2, 5" in lines[1]
    assert "(+0.00 points; PyTorch " in lines[2]
    assert "the same class as PyTorch for 100.00 %" in lines[2]
    assert lines[3] == f'load it: torch.export.load("{path}").module()(batch)'
    assert len(lines) == 4
    assert entries(path.parent) == ["tiny.pt2", "tiny.pt2.json"]


def test_json_for_programs(run: Run, model: Path) -> None:
    code, out, err = run("export", str(model), "--format", "torchscript", "--out", "mine.pt", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["file"] == "mine.pt"
    assert found["accuracy"] is None
    assert {key: found[key] for key in found if key not in ("file", "sidecar_file")} == json.loads(
        Path("mine.pt.json").read_text()
    )


def test_a_search_with_one_training_in_it_gives_its_name(model: Path, tmp_path: Path) -> None:
    found = zennas.export(tmp_path / "runs", "torchscript")
    assert found.path == tmp_path / "runs" / "export" / "runs.torchscript.pt"


def test_networks_of_the_zoo_go_where_one_is(tmp_path: Path) -> None:
    form = onnx_int8.OnnxInt8()
    plan = form.plan(completed(form, {"target": "x86"}))
    assert _path("zennet_cifar10_model_size1M_res32", plan, None) == Path("zennet_cifar10_model_size1M_res32.int8.onnx")
    assert _path(str(tmp_path), plan, "there.onnx") == Path("there.onnx")


def test_other_weights(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    state = torch.load(model / "weights.pt")["state_dict"]
    torch.save(
        {name: value * 0 if name.startswith("fc_linear.weight") else value for name, value in state.items()}, other
    )
    path = zennas.export(model, "torchscript", checkpoint=other).path
    logits = torch.jit.load(path)(torch.randn(2, 3, 16, 16))
    assert torch.equal(logits[0], logits[1])


def test_what_is_there_is_kept_unless_told(run: Run, model: Path) -> None:
    Path("mine.pt").write_text("precious")
    code, _, err = run("export", str(model), "--format", "torchscript", "--out", "mine.pt")
    assert code == 2
    assert err == "error: mine.pt already exists: replace it with --overwrite, or choose another with --out\n"
    assert Path("mine.pt").read_text() == "precious"
    code, _, _ = run("export", str(model), "--format", "torchscript", "--out", "mine.pt", "--overwrite")
    assert code == 0
    assert torch.jit.load("mine.pt")(torch.zeros(1, 3, 16, 16)).shape == (1, 10)


def test_calibration_sees_training_images_only(model: Path) -> None:
    found = needed(trained_model(str(model)), True, None, None)
    assert found.train is not None
    assert found.test is not None
    assert (len(found.train), len(found.test)) == (1437, 360)
    assert spread(found.train, 3) == [0, 718, 1436]
    assert spread(found.train, 5000) == list(range(1437))


def test_the_number_of_calibration_images_is_told(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="needs pip install 'zennas[onnx]'")
    seen: list[int] = []

    def quantised(exported: Any, batches: Any, symmetric: bool) -> Any:
        seen.extend(len(batch) for batch in batches)
        return exported

    monkeypatch.setattr(onnx_int8, "quantised", quantised)
    found = zennas.export(model, "onnx-int8", calibration_images=70)
    assert seen == [32, 32, 6]
    assert found.sidecar["calibration"] == {"dataset": "digits, training images", "images": 70}
    assert found.accuracy is not None
    assert found.accuracy.pytorch.top1 == pytest.approx(found.accuracy.file.top1, abs=0.3)


def test_images_to_test_with_are_not_calibrated_with(model: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 24)).save(buffer, "JPEG")
    one = np.frombuffer(buffer.getvalue(), np.uint8)
    archive = tmp_path / "all.npz"
    np.savez(archive, jpeg=np.tile(one, 10), offsets=np.arange(11) * len(one), labels=np.arange(10))
    with pytest.raises(DataError, match="the same images for training and for testing"):
        needed(trained_model(str(model)), True, str(archive), None)


def test_photographs_are_shown_as_they_are_evaluated(model: Path, tmp_path: Path) -> None:
    folder, rng = tmp_path / "photos", np.random.default_rng(0)
    for part, digit in product(("train", "val"), range(10)):
        place = folder / part / str(digit)
        place.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 255, (20, 24, 3), dtype=np.uint8)).save(place / "one.png")
    found = trained_model(str(model))
    sets = needed(found, True, str(folder), None)
    assert sets.test is not None
    shown = np.concatenate(list(batches(sets.test, spread(sets.test, 10), found.shown, size=3)))
    seen: list[torch.Tensor] = []
    Evaluator(sets.test, found.shown, torch.device("cpu"))(lambda x: seen.append(x) or found.network(x))
    assert np.array_equal(shown, torch.cat(seen).numpy())
    made = zennas.export(model, "pt2", dataset=str(folder))
    assert made.accuracy is not None
    assert made.accuracy.images == 10
    assert made.sidecar["check"]["source"] == str(folder / "val")


def test_what_is_white_in_grey_of_more_than_8_bits(model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, digit in product(("train", "val"), range(10)):
        place = tmp_path / part / str(digit)
        place.mkdir(parents=True)
        Image.fromarray(rng.integers(0, 4095, (8, 8), dtype=np.uint16)).save(place / "one.png")
    made = zennas.export(model, "pt2", dataset=str(tmp_path), white=4095)
    assert made.sidecar["input"]["preparation"][0]["white_of_deep_grey"] == 4095
    assert made.accuracy is not None
    assert made.accuracy.pytorch.top1 == zennas.evaluate(model, dataset=str(tmp_path), white=4095).top1


def test_corrupt_images_are_named_or_left_out(run: Run, model: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs pip install 'zennas[onnx]'")
    for part, digit in product(("train", "val"), range(10)):
        _photo(tmp_path / "photos" / part / str(digit) / "one.png")
    broken = tmp_path / "photos" / "train" / "3" / "one.png"
    broken.write_bytes(b"nothing")
    command = ["export", str(model), "--format", "onnx-int8", "--dataset", str(tmp_path / "photos")]
    code, _, err = run(*command)
    assert code == 1
    assert err.startswith(f"error: {broken} cannot be read as an image")
    assert err.endswith("leave such images out with --skip-corrupt\n")
    assert not (model / "export").exists()
    code, out, _ = run(*command, "--skip-corrupt", "--json")
    assert code == 0
    assert json.loads(out)["calibration"] == {"dataset": str(tmp_path / "photos" / "train"), "images": 9}


def test_sidecars_are_written_with_files_or_not_at_all(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = entries(model)
    calls: list[str] = []

    def full(descriptor: int, mode: str, **settings: Any) -> Any:
        calls.append(mode)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("PlainNet.files.os.fdopen", full)
    with pytest.raises(OSError, match="No space left"):
        zennas.export(model, "torchscript")
    assert calls
    assert [entry for entry in entries(model) if entry != "export"] == before


def test_a_network_of_nonsense_is_told(model: Path) -> None:
    state = torch.load(model / "weights.pt")["state_dict"]
    torch.save({name: value * (1e38 if "fc" in name else 1e3) for name, value in state.items()}, model / "weights.pt")
    with pytest.raises(ExportError, match=r"the logits of .* are not finite"):
        zennas.export(model, "torchscript")


@pytest.mark.parametrize("most", [1, 2, 4, None])
def test_batches_are_as_large_as_the_file_takes(model: Path, most: int | None) -> None:
    found = trained_model(str(model))
    images = np.random.default_rng(0).standard_normal((8, 3, 16, 16), dtype=np.float32)
    limit = tensor_rt.LIMITS["fp32"]
    check = checked(found, lambda x: found.network(torch.from_numpy(x)).numpy(), images, "noise", limit, most)
    assert sum(check.batches) == 8
    assert max(check.batches) == min(5, most or 5)


MISUSE: dict[str, tuple[list[str], str, int]] = {
    "unknown format": (["RUN", "--format", "onxn"], "unknown export format 'onxn' (did you mean onnx", 2),
    "unknown name": (["zennet_nothing"], "zennet_nothing", 2),
    "untrained": (["EMPTY"], "contains no trained weights", 1),
    "other classes": (["RUN", "--dataset", "FEW"], "has 10 classes, but", 1),
    "other names": (["NAMED", "--dataset", "MANY"], "has no images of the classes of", 1),
    "no data set": (["RUN", "--dataset", "nowhere"], "there is no data set 'nowhere'", 2),
    "nothing to calibrate with": (["LOST", "--format", "onnx-int8"], "name a data set with --dataset", 1),
    "target": (["RUN", "--target", "x86"], "onnx has no option target, only onnx-int8 has it: leave out --target", 2),
    "unknown target": (
        ["RUN", "--format", "onnx-int8", "--target", "arm"],
        "x86 is for all CPUs, ARM boards included",
        2,
    ),
    "folder of digits": (
        ["RUN", "--data", "EMPTY"],
        "digits takes no such folder, only cifar10, cifar100, imagenet do",
        2,
    ),
    "precision": (["RUN", "--format", "pt2", "--precision", "fp16"], "leave out --precision", 2),
    "batch": (["RUN", "--format", "tensorrt", "--max-batch", "5000"], "a number from 1 to 4096", 2),
    "calibration": (["RUN", "--calibration-images", "9"], "leave out --calibration-images", 2),
    "not a number": (["RUN", "--calibration-images", "0"], "calibration", 2),
    "no checkpoint": (["RUN", "--checkpoint", "nope.pt"], "nope.pt does not exist", 1),
    "corrupt checkpoint": (["RUN", "--checkpoint", "text.txt"], "cannot be read as a checkpoint", 1),
    "into a file": (["RUN", "--out", "text.txt/file.onnx"], "cannot create the folder text.txt", 1),
    "into a folder": (["RUN", "--out", "EMPTY"], "is a folder", 2),
    "empty": (["RUN", "--out", ""], "the name is empty", 2),
}


@pytest.mark.parametrize("case", MISUSE, ids=list(MISUSE))
def test_misuse_is_told_in_a_line_and_nothing_is_written(case: str, run: Run, trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs pip install 'zennas[onnx]'")
    arguments, expected, wanted = MISUSE[case]
    places = {"RUN": trained, "EMPTY": tmp_path / "empty"}
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no checkpoint")
    if case == "other names":
        places["NAMED"] = write_model(tmp_path / "named", classes=[f"c{i}" for i in range(10)])
    if case == "nothing to calibrate with":
        places["LOST"] = write_model(tmp_path / "lost", dataset="/nowhere/at/all")
    for name, count in (("FEW", 3), ("MANY", 10)):
        places[name] = tmp_path / name
        for number in range(count):
            _photo(tmp_path / name / "val" / f"d{number}" / "one.png")
    before = entries(tmp_path), entries(trained)
    code, out, err = run("export", *(str(places.get(argument, argument)) for argument in arguments), "--json")
    assert (code, out) == (wanted, "")
    assert expected in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
    assert wanted == 2 or len(err.strip().splitlines()) == 1
    assert (entries(tmp_path), entries(trained)) == before


def _photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)


@pytest.mark.parametrize("name", ["onnx", "onnx-int8"])
def test_a_missing_package_is_named_with_its_extra(
    name: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latency.measuring.onnx_files.find_spec", lambda package: None)
    with pytest.raises(UnavailableError, match=r"onnx is not installed: pip install 'zennas\[onnx\]'"):
        zennas.export(trained, name, out=tmp_path / "file")
    assert not os.listdir(tmp_path)


def test_python_refuses_what_the_command_line_does(trained: Path) -> None:
    with pytest.raises(WrongSettingError, match="only onnx-int8"):
        zennas.export(trained, "onnx", target="x86")
    with pytest.raises(WrongSettingError, match="from 1 to"):
        zennas.export(trained, "onnx-int8", calibration_images=0)


def once(make: Callable[[Any, Any], bytes]) -> Callable[[Any, Any], bytes]:
    """A function that makes a file when it is first called, and returns the same one then."""
    made: list[bytes] = []

    def kept(form: Any, job: Any) -> bytes:
        if not made:
            made.append(make(form, job))
        return made[0]

    return kept


def test_a_file_that_loses_too_much_accuracy_is_not_written(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*of: object) -> Accuracies:
        return Accuracies(
            "digits", 360, Accuracy(78.3, 99.0, 360, 1.0, 360.0), Accuracy(71.8, 98.0, 360, 1.0, 360.0), 80.0
        )

    monkeypatch.setattr("zennas.exporting.runner.accuracies", measured)
    monkeypatch.setattr(Onnx, "make", once(Onnx.make))  # the network is the same each time
    command = ["export", str(model), "--format", "onnx", "--dataset", "digits", "--out", "f.onnx"]
    code, out, err = run(*command)
    assert (code, out) == (5, "")
    assert "loses 6.50 points of top-1: 71.80 % instead of PyTorch's 78.30 % on 360 images of digits" in err
    assert "at most 3 points are allowed" in err
    assert "--allow-loss 7" in err
    assert not list(tmp_path.glob("*.onnx*"))
    with pytest.raises(AccuracyLossError):
        zennas.export(model, "onnx", dataset="digits", allow_loss=6.4)
    code, out, err = run(*command, "--allow-loss", "7")
    assert code == 0, err
    assert "-6.50 points" in out
    assert (tmp_path / "f.onnx").is_file()
