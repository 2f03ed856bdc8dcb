"""Networks without training: formats take them, and what only trained ones have is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import zennas
from tests.zennas.conftest import Run
from zennas.exporting.base import FORMATS, completed
from zennas.exporting.errors import ExportError

from .conftest import TINY


@pytest.mark.parametrize("name", ["litert-int8", "pt2"])
def test_formats_take_a_structure(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    form = FORMATS.get(name)
    plan = form.plan(completed(form, {}))
    reason = form.available(plan)
    if reason is not None:
        pytest.skip(reason)
    made = zennas.export(TINY, name, untrained=True, resolution=24, num_classes=3)
    assert made.path == Path(f"network-untrained{plan.suffix}")
    assert made.sidecar["structure"] == TINY
    assert (made.sidecar["num_classes"], made.sidecar["accuracy"]) == (3, None)
    calibration = {"dataset": "noise of mean 0 and standard deviation 1", "images": 256}
    assert made.sidecar["calibration"] == (calibration if plan.calibrated else None)
    assert made.sidecar["input"]["resolution"] == 24


def test_rounding_of_random_weights_is_told_and_not_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However far it goes: nobody looks at the logits, and the memories are those of the trained network."""
    pytest.importorskip("onnxruntime")
    form = FORMATS.get("onnx-int8")
    monkeypatch.setattr(type(form), "load", lambda self, content: lambda images: np.zeros((len(images), 3), np.float32))
    made = zennas.export(TINY, "onnx-int8", untrained=True, num_classes=3, out=tmp_path / "a.onnx")
    assert made.check.rms == pytest.approx(1)
    assert made.sidecar["check"]["limit"] is None
    monkeypatch.setattr(
        type(FORMATS.get("onnx")), "load", lambda self, content: lambda images: np.zeros((len(images), 3), np.float32)
    )
    with pytest.raises(ExportError, match="does not compute the same"):
        zennas.export(TINY, "onnx", untrained=True, num_classes=3, out=tmp_path / "b.onnx")


def test_the_seed_says_the_weights(tmp_path: Path) -> None:
    logits = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        path = zennas.export(TINY, "torchscript", untrained=True, seed=seed, out=tmp_path / name).path
        logits.append(torch.jit.load(path)(torch.ones(1, 3, 32, 32)).numpy())
    assert np.array_equal(logits[0], logits[1])
    assert not np.array_equal(logits[0], logits[2])


def test_images_are_as_they_are(run: Run) -> None:
    pytest.importorskip("ai_edge_litert", reason="needs pip install 'zennas[litert]'")
    code, out, err = run(
        *("export", TINY, "--untrained", "--format", "litert-int8", "--resolution", "12x20", "--in-channels", "1"),
        "--json",
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["input"]["shape"] == [1, 12, 20, 1]


def test_the_command(run: Run) -> None:
    code, out, err = run("export", TINY, "--untrained", "--format", "pt2", "--resolution", "20", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["file"] == "network-untrained.pt2"


MISUSE = {
    "without": ((TINY, "--resolution", "20"), "--resolution is for networks without training"),
    "seed": ((TINY, "--seed", "2"), "--seed is for networks without training"),
    "data": ((TINY, "--untrained", "--dataset", "digits"), "an untrained network has no accuracy to measure"),
    "forgotten": ((TINY,), "or export it with random weights by adding --untrained"),
    "a folder": ((TINY, "--untrained", "--out", "."), ". is a folder, expected a file"),
    "weights": ((TINY, "--untrained", "--checkpoint", "a.pth"), "an untrained network has random weights"),
}


@pytest.mark.parametrize("case", MISUSE, ids=list(MISUSE))
def test_misuse_is_told_in_a_line(case: str, run: Run) -> None:
    arguments, expected = MISUSE[case]
    code, _, err = run("export", *arguments)
    assert code == 2
    assert expected in err
    assert err.count("\n") == 1
