"""Going on with a training by its folder alone, and giving it more epochs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import zennas
from PlainNet import parse
from tests.zennas.conftest import Run
from zennas.common.config import SETTINGS_FILE
from zennas.common.numbers import counted
from zennas.named.card import CHECKPOINT_FILE, WEIGHTS_FILE
from zennas.named.models import trained_model
from zennas.named.structures import TargetError
from zennas.training.continuing import merged
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.recipe import Recipe, TrainingError
from zennas.training.runner import train_structure

from .stopping import StopError, Until

TINY = "SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,16,1,1)"
FALLING = Recipe(epochs=2, batch_size=256, lr=0.05)
OPEN = Recipe(epochs=3, batch_size=256, lr=0.05, schedule="step", milestones=(2,), ema=0.99, mixup=0.2)
CPU = RunOptions(device="cpu", checkpoint_minutes=0)


def job(recipe: Recipe) -> TrainingJob:
    return TrainingJob(parse(TINY), "digits", recipe, resolution=8)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(folder / WEIGHTS_FILE, weights_only=True)["state_dict"])


def equal(a: Path, b: Path) -> bool:
    ours, theirs = weights(a), weights(b)
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


def killed(folder: Path, recipe: Recipe, steps: int = 7) -> None:
    with pytest.raises(StopError):
        train_structure(job(recipe), folder, CPU, Until(steps))
    assert (folder / CHECKPOINT_FILE).is_file()


def test_the_folder_is_enough(run: Run, tmp_path: Path) -> None:
    train_structure(job(FALLING), tmp_path / "whole", CPU)
    killed(tmp_path / "mine" / "train-digits", FALLING)
    shutil.copytree(tmp_path / "mine", tmp_path / "again")
    code, _, err = run("train", "--resume", str(tmp_path / "mine" / "train-digits"))
    assert code == 0, err
    assert equal(tmp_path / "whole", tmp_path / "mine" / "train-digits")
    found = zennas.continue_training(tmp_path / "again")  # the only training in it
    assert found.folder == tmp_path / "again" / "train-digits"
    assert equal(tmp_path / "whole", found.folder)
    before = (found.folder / WEIGHTS_FILE).stat().st_mtime_ns
    code, out, _ = run("train", "--resume", str(found.folder), "--json")  # which is finished
    assert (code, f'"top1": {found.top1}' in out) == (0, True)
    assert (found.folder / WEIGHTS_FILE).stat().st_mtime_ns == before


def test_what_the_folder_decides_is_not_given(run: Run, tmp_path: Path) -> None:
    killed(tmp_path / "mine", FALLING)
    for more in ([TINY], ["--save-dir", "other"], ["--config", str(tmp_path / "mine" / SETTINGS_FILE)]):
        code, _, err = run("train", *more, "--resume", str(tmp_path / "mine"))
        assert code == 2
        assert "the training keeps its network" in " ".join(err.split())
    code, _, err = run("train", "--resume", str(tmp_path / "mine"), "--lr", "0.1")
    assert code == 1
    assert "belongs to a training with lr 0.05, not 0.1: continue it with its own settings, or train in" in err
    assert run("train", "--resume", str(tmp_path / "mine"), "--workers", "1", "--device", "cpu")[0] == 0


def test_folders_without_a_training(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = run("train", "--resume", "empty")
    assert (code, "empty contains no training to continue" in err) == (1, True)
    for name in ("a", "b"):
        killed(tmp_path / "several" / name, FALLING, steps=2)
    with pytest.raises(TrainingError, match="has 2 trainings, choose one of"):
        zennas.continue_training(tmp_path / "several")
    with pytest.raises(TrainingError, match="there is no folder"):
        zennas.continue_training(tmp_path / "nowhere")
    code, _, err = run("train", "--resume", "nowhere")
    assert (code, "there is no folder of a training nowhere to continue" in err) == (1, True)


def test_the_checkpoint_stands_for_its_folder(run: Run, tmp_path: Path) -> None:
    train_structure(job(FALLING), tmp_path / "whole", CPU)
    killed(tmp_path / "mine", FALLING)
    code, _, err = run("train", "--resume", str(tmp_path / "mine" / CHECKPOINT_FILE))
    assert code == 0, err
    assert equal(tmp_path / "whole", tmp_path / "mine")


def test_damaged_files_are_one_line(run: Run, tmp_path: Path) -> None:
    killed(tmp_path / "mine", FALLING)
    content = torch.load(tmp_path / "mine" / CHECKPOINT_FILE, weights_only=True)
    for changed in (
        {"version": None},
        {"identity": 3},
        {"optimizer": []},
        {"history": [3]},
        {"skipped": 3},
        {"generator": torch.ones(3)},
        {"sums": "x"},
        {"step": None},
    ):
        torch.save({**content, **changed}, tmp_path / "mine" / CHECKPOINT_FILE)
        code, _, err = run("train", "--resume", "mine")
        assert (code, len(err.strip().splitlines())) == (1, 1), err
        assert CHECKPOINT_FILE in err
    with (tmp_path / "mine" / SETTINGS_FILE).open("a") as file:
        file.write("\n[distillation]\nteacher = 3\n")
    assert run("train", "--resume", "mine")[0] == 2


def test_a_stranger_s_settings_write_only_into_the_folder(run: Run, tmp_path: Path) -> None:
    killed(tmp_path / "mine", FALLING)
    text = (tmp_path / "mine" / SETTINGS_FILE).read_text()
    for name in ("../victim.pt", str(tmp_path / "victim.pt"), ".."):
        (tmp_path / "mine" / SETTINGS_FILE).write_text(f"keep_best = {name!r}\n{text}")
        code, _, err = run("train", "--resume", "mine")
        assert code == 2
        assert "expected the name of a file in the training's folder" in " ".join(err.split())
    assert not (tmp_path / "victim.pt").exists()


def test_a_killed_training_is_not_a_model_yet(run: Run, tmp_path: Path) -> None:
    killed(tmp_path / "run" / "train-digits", FALLING)
    folder = tmp_path / "run" / "train-digits"
    for place in (folder, folder.parent):
        with pytest.raises(
            TargetError, match=rf"is not finished, .*{CHECKPOINT_FILE}: .*zennas train --resume {folder}$"
        ):
            trained_model(str(place))
    for command in ("eval", "export"):
        code, _, err = run(command, str(folder))
        assert code == 1
        assert f"finish it with zennas train --resume {folder}" in err


@pytest.mark.parametrize(
    "recipe", [OPEN, Recipe(epochs=3, batch_size=256, lr=0.05, final_lr=0.05, optimizer="adamw", warmup=1.3)]
)
@pytest.mark.parametrize("finished", [True, False])
def test_an_open_training_is_extended_as_if_it_had_been_longer(tmp_path: Path, recipe: Recipe, finished: bool) -> None:
    longer = replace(recipe, epochs=5)
    whole = train_structure(job(longer), tmp_path / "whole", CPU)
    if finished:
        train_structure(job(recipe), tmp_path / "parts", CPU)
    else:
        killed(tmp_path / "parts", recipe)
    with pytest.raises(StopError):
        zennas.continue_training(tmp_path / "parts", epochs=5, watcher=Until(9))
    parts = zennas.continue_training(tmp_path / "parts")
    curve = [[(e.epoch, e.lr, e.train_loss, e.test_top1) for e in found.history] for found in (whole, parts)]
    assert len(curve[0]) == 5
    assert curve[0] == curve[1]
    assert equal(tmp_path / "whole", tmp_path / "parts")


def test_another_number_of_threads_is_told(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(tmp_path / "same", OPEN)
    killed(tmp_path / "other", OPEN)
    code, out, _ = run("train", "--resume", str(tmp_path / "same"))
    assert (code, "begun with" in out) == (0, False)
    before = counted(torch.get_num_threads(), "thread")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    code, out, _ = run("train", "--resume", str(tmp_path / "other"))
    assert code == 0
    assert f"note: the training was begun with {before}, and is continued with 77" in out
    card = json.loads((tmp_path / "other" / "train.json").read_text())
    assert any("continued with 77" in one for one in card["notes"])


def test_a_training_that_cannot_be_extended_says_why(run: Run, tmp_path: Path) -> None:
    train_structure(job(FALLING), tmp_path / "done", CPU)
    killed(tmp_path / "killed", FALLING)
    for name in ("done", "killed"):
        code, _, err = run("train", "--resume", name, "--epochs", "4")
        assert code == 1
        assert "cannot be extended to 4 epochs, because its learning rate falls along a cosine over 2 epochs" in err
        assert "start a new one with --epochs 4 in another folder" in err
        assert len(err.strip().splitlines()) == 1
    flat = replace(FALLING, final_lr=0.05)
    train_structure(job(replace(flat, warmup=2.0)), tmp_path / "short", CPU)
    for changed, message in (
        ({"epochs": 4}, r"its warm-up of 2 epochs was shortened to 1"),
        ({"epochs": 1}, r"epochs is 1, but the training in .* has 2: expected more"),
    ):
        with pytest.raises(TrainingError, match=message):
            zennas.continue_training(tmp_path / "short", **changed)
    train_structure(job(flat), tmp_path / "flat", CPU)
    (tmp_path / "flat" / CHECKPOINT_FILE).unlink()
    with pytest.raises(TrainingError, match=rf"because its {CHECKPOINT_FILE} is missing"):
        zennas.continue_training(tmp_path / "flat", epochs=4)


def test_changed_settings_take_precedence() -> None:
    stored = {"dataset": "digits", "recipe": {"lr": 0.1, "epochs": 2}}
    assert merged(stored, {"recipe": {"epochs": 3}, "workers": 2}) == {
        "dataset": "digits",
        "recipe": {"lr": 0.1, "epochs": 3},
        "workers": 2,
    }
    assert stored == {"dataset": "digits", "recipe": {"lr": 0.1, "epochs": 2}}
