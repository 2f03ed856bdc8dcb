"""Whole distillations: killed and resumed, in two processes, by the command."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import zennas
from PlainNet import parse
from PlainNet.masternet import build
from tests.zennas.conftest import Run
from zennas.training.history import Epoch
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.loop import NoWatcher
from zennas.training.recipe import Distillation, Recipe, TrainingError
from zennas.training.runner import train_structure

from .distilling import STUDENT, TEACHER

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def teacher_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teachers") / "teacher"
    zennas.train(TEACHER, dataset="digits", epochs=1, batch_size=128, resolution=16, save_dir=folder, device="cpu")
    return folder


class StoppedError(Exception):
    pass


class Stopping(NoWatcher):
    """Ends a training in the middle of its second epoch."""

    def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        if epoch == 2 and step > steps // 2:
            raise StoppedError

    def epoch(self, done: Epoch) -> None:
        pass


def test_another_teacher_of_the_same_name_is_refused(tmp_path: Path, teacher_folder: Path) -> None:
    teacher = tmp_path / "teacher"
    shutil.copytree(teacher_folder, teacher)
    job = TrainingJob(
        parse(STUDENT), "digits", Recipe(epochs=2, batch_size=128), Distillation(str(teacher)), resolution=8
    )
    with pytest.raises(StoppedError):
        train_structure(job, tmp_path / "run", RunOptions(device="cpu", checkpoint_minutes=0), Stopping())
    state = torch.load(teacher / "weights.pt", weights_only=True)
    state["state_dict"]["fc_linear.bias"] += 1
    torch.save(state, teacher / "weights.pt")
    with pytest.raises(TrainingError, match="belongs to a training with teacher's weights"):
        train_structure(job, tmp_path / "run", RunOptions(device="cpu", resume="auto"))


@pytest.mark.parametrize("more", [{}, {"optimizer": "adamw", "lr": 0.01, "ema": 0.9, "mixup": 0.2}])
def test_killed_and_resumed_it_gives_the_same(tmp_path: Path, teacher_folder: Path, more: dict[str, Any]) -> None:
    recipe = Recipe(epochs=2, batch_size=128, **more)
    job = TrainingJob(parse(STUDENT), "digits", recipe, Distillation(str(teacher_folder), ratio=2), resolution=8)
    train_structure(job, tmp_path / "whole", RunOptions(device="cpu"))
    with pytest.raises(StoppedError):
        train_structure(job, tmp_path / "parts", RunOptions(device="cpu", checkpoint_minutes=0), Stopping())
    train_structure(job, tmp_path / "parts", RunOptions(device="cpu", resume="auto"))
    whole, parts = (
        torch.load(tmp_path / name / "weights.pt", weights_only=True)["state_dict"] for name in ("whole", "parts")
    )
    assert whole.keys() == build(job.structure).state_dict().keys()
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path: Path, teacher_folder: Path) -> None:
    """With synchronised batch-norm, in the projections too, and a batch in parts: the same curve, within rounding."""
    given = f"--teacher {teacher_folder} --downsample-ratio 2 --epochs 2 --batch-size 128 --accumulate 2 --sync-bn"
    losses = []
    for name, start in (("one", []), ("two", ["-m", "torch.distributed.run", "--nproc_per_node", "2"])):
        folder = tmp_path / name
        command = [
            sys.executable,
            *start,
            "-m",
            "zennas",
            "distill",
            STUDENT,
            "--dataset",
            "digits",
            *given.split(),
            "--resolution",
            "16",
        ]
        subprocess.run(
            [*command, "--device", "cpu", "--save-dir", str(folder)], cwd=ROOT, check=True, capture_output=True
        )
        rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
        losses.append([float(row["train_loss"]) for row in rows])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_the_command(run: Run, teacher_folder: Path) -> None:
    teacher = str(teacher_folder)
    quick = [
        "distill",
        STUDENT,
        "--dataset",
        "digits",
        "--epochs",
        "2",
        "--resolution",
        "16",
        "--save-dir",
        "out",
        "--device",
        "cpu",
    ]
    code, out, err = run(*quick, "--teacher", teacher, "--temperature", "4", "--downsample-ratio", "2", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["top1"] > 30
    card = json.loads(Path("out/train.json").read_text())
    assert card["distillation"]["teacher"] == teacher
    assert card["distillation"]["temperature"] == 4

    def told(*options: str) -> str:
        code, _, err = run(*quick[:-4], "--save-dir", "wrong", "--device", "cpu", *options)
        assert code in (1, 2)
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert not Path("wrong").exists()
        return err

    assert "has 0 stages" in told("--teacher", teacher, "--downsample-ratio", "1")
    Path("empty").mkdir()
    assert "contains no trained weights" in told("--teacher", "empty")
    assert "unknown model 'zennet_cifar'" in told("--teacher", "zennet_cifar")
    assert "--teacher-weights" in told("--teacher", STUDENT)
