"""`val.py` and `val_cifar.py`, the programs with Zen-NAS's flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Program
from zennas.accuracy.evaluation import EvaluationResult
from zennas.api import evaluate


def last_line(model: Path, result: EvaluationResult) -> str:
    return (
        f"*** arch={model}, validation top-1 acc={result.top1:.6g}%, top-5 acc={result.top5:.6g}%, "
        f"number of evaluated images={result.images}"
    )


def test_val_cifar(program: Program, digits_model: Path) -> None:
    found = program("val_cifar.py", "--dataset", "digits", "--arch", str(digits_model))
    assert (found.returncode, found.stderr) == (0, "")
    first, last = found.stdout.splitlines()
    assert first == f"Evaluate {digits_model} at 16x16 resolution."
    assert last == last_line(digits_model, evaluate(digits_model))


def test_val(program: Program, pets_model: Path, photographs: Path) -> None:
    flags = ["--data", str(photographs), "--workers", "0", "--batch_size", "5", "--apex"]
    found = program("val.py", "--arch", str(pets_model), *flags)
    assert found.returncode == 0, found.stderr
    assert found.stderr == "--apex: using torch.autocast for mixed precision; Apex is not needed\n"
    assert found.stdout.splitlines()[-1] == last_line(pets_model, evaluate(pets_model, precision="mixed"))


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["val.py", "--arch", "zennet_imagenet"], 2, "unknown model 'zennet_imagenet': did you mean"),
        (["val_cifar.py", "--arch", "MODEL", "--dataset", "nowhere"], 2, "there is no data set 'nowhere'"),
        (["val_cifar.py", "--arch", "MODEL", "--gpu", "99"], 2, "device cuda:99 does not exist"),
        (["val_cifar.py", "--arch", "MODEL", "--batch_size", "x"], 2, "'x' is not a number"),
        (["val.py", "--arch", "MODEL", "--data", "nowhere"], 1, "imagenet is not in nowhere"),
    ],
)
def test_programs_used_wrongly(
    program: Program, digits_model: Path, arguments: list[str], code: int, says: str
) -> None:
    found = program(*[str(digits_model) if one == "MODEL" else one for one in arguments])
    assert found.returncode == code
    assert says in found.stderr
    assert "Traceback" not in found.stderr
