"""`zennas eval`: its output and its errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.zennas.conftest import Run
from zennas.api import evaluate


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
        (["--dataset", "nowhere"], 2, "there is no data set 'nowhere'"),
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
