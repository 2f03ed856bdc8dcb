"""Whole trainings: what they write, that they are determined, go on after a kill, and what goes wrong."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import zennas
from PlainNet import build, parse
from PlainNet.checkpoint import load_checkpoint
from tests.conftest import SMALL
from zennas.accuracy.protocol import Evaluator
from zennas.cli.app import app
from zennas.common.config import SETTINGS_FILE
from zennas.common.errors import WrongSettingError
from zennas.data import DataError, open_set
from zennas.named.card import CHECKPOINT_FILE
from zennas.named.models import trained_model
from zennas.named.structures import resolve
from zennas.runs.store import RunInUseError
from zennas.training.history import Epoch
from zennas.training.job import RunOptions, TrainingJob, completed
from zennas.training.objectives.base import OBJECTIVES, Losses
from zennas.training.objectives.plain import Plain
from zennas.training.recipe import Distillation, Recipe, TrainingError
from zennas.training.runner import train_structure

from .stopping import StopError, Until

ROOT = Path(__file__).resolve().parents[3]
TINY = "SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,16,1,1)"
QUICK = Recipe(epochs=2, batch_size=256, lr=0.05)
CPU = RunOptions(device="cpu")


def job(recipe: Recipe = QUICK) -> TrainingJob:
    return TrainingJob(parse(TINY), "digits", recipe, resolution=8)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(torch.load(folder / "weights.pt", weights_only=True)["state_dict"])


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


def test_training_learns_and_its_files_can_be_used(tmp_path: Path) -> None:
    folder = tmp_path / "trained"
    result = zennas.train(SMALL, dataset="digits", epochs=3, resolution=16, save_dir=folder, device="cpu")
    assert result.top1 > 50
    assert result.top5 >= result.top1
    card = json.loads((folder / "train.json").read_text())
    assert card["top1"] == result.top1
    assert card["structure"] == SMALL
    assert card["recipe"]["epochs"] == 3
    assert len(list(csv.DictReader((folder / "history.csv").read_text().splitlines()))) == 3
    assert sorted(path.name for path in folder.iterdir()) == [
        "confusion.csv",
        "history.csv",
        "settings.toml",
        "train.json",
        "weights.pt",
    ]
    load_checkpoint(build(parse(SMALL), num_classes=10), folder / "weights.pt")
    model = trained_model(str(folder))
    assert model.classes == tuple("0123456789")
    again = Evaluator(open_set("digits", "test"), model.shown, torch.device("cpu"))(model.network)
    assert (again.top1, again.top5) == (result.top1, result.top5)
    with pytest.raises(TrainingError, match="already contains trained weights"):
        zennas.train(SMALL, dataset="digits", epochs=1, save_dir=folder)


def test_the_seed_decides_the_weights(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train_structure(job(replace(QUICK, epochs=1, seed=seed)), tmp_path / name, CPU)
    assert equal(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not equal(weights(tmp_path / "a"), weights(tmp_path / "c"))


EVERYTHING = Recipe(
    precision="fp32",
    epochs=2,
    batch_size=256,
    optimizer="adamw",
    lr=0.02,
    mixup=0.2,
    cutmix=1.0,
    erase=0.5,
    auto_augment=True,
    ema=0.9,
    clip_norm=1.0,
    accumulate=2,
    init="custom",
    label_smoothing=0.1,
)


@pytest.mark.parametrize(("recipe", "steps"), [(EVERYTHING, 2), (EVERYTHING, 7), (QUICK, 5)])
def test_a_training_goes_on_as_if_nothing_had_happened(tmp_path: Path, recipe: Recipe, steps: int) -> None:
    where = replace(CPU, resume="auto", checkpoint_minutes=0)
    whole = train_structure(job(recipe), tmp_path / "whole", where)
    with pytest.raises(StopError):
        train_structure(job(recipe), tmp_path / "parts", where, Until(steps))
    assert (tmp_path / "parts" / CHECKPOINT_FILE).is_file()
    with pytest.raises(TrainingError, match=r"contains an unfinished training: continue it with --resume auto"):
        train_structure(job(recipe), tmp_path / "parts", CPU)
    parts = train_structure(job(recipe), tmp_path / "parts", where)
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    curve = [[(e.epoch, e.lr, e.train_loss, e.test_top1) for e in result.history] for result in (whole, parts)]
    assert curve[0] == curve[1]
    assert not (tmp_path / "parts" / CHECKPOINT_FILE).exists()


def test_a_finished_training_is_only_read(tmp_path: Path) -> None:
    where = replace(CPU, resume="auto")
    done = train_structure(job(), tmp_path, where)
    before = (tmp_path / "weights.pt").stat().st_mtime_ns
    again = train_structure(job(), tmp_path, where)
    assert (again.top1, again.top5, again.history) == (done.top1, done.top5, done.history)
    assert (tmp_path / "weights.pt").stat().st_mtime_ns == before
    with pytest.raises(TrainingError, match=r"finished training with lr 0.05, not 0.1: choose another folder"):
        train_structure(job(replace(QUICK, lr=0.1)), tmp_path, where)


def test_a_checkpoint_of_another_training(tmp_path: Path) -> None:
    where = replace(CPU, resume="auto", checkpoint_minutes=0)
    with pytest.raises(StopError):
        train_structure(job(), tmp_path, where, Until(3))
    with pytest.raises(TrainingError, match=r"belongs to a training with lr 0.05, not 0.1"):
        train_structure(job(replace(QUICK, lr=0.1)), tmp_path, where)
    content = (tmp_path / CHECKPOINT_FILE).read_bytes()
    (tmp_path / CHECKPOINT_FILE).write_bytes(content[: len(content) // 2])
    with pytest.raises(TrainingError, match=r"cannot be read as a checkpoint: .*delete it to start again"):
        train_structure(job(), tmp_path, where)
    with pytest.raises(TrainingError, match=r"there is no checkpoint"):
        train_structure(job(), tmp_path / "new", replace(CPU, resume=str(tmp_path / "none.pt")))
    torch.save({"state_dict": {}}, tmp_path / "weights-only.pt")
    with pytest.raises(TrainingError, match=r"is not a training checkpoint"):
        train_structure(job(), tmp_path / "new", replace(CPU, resume=str(tmp_path / "weights-only.pt")))


@pytest.mark.long
def test_a_killed_process_goes_on(tmp_path: Path) -> None:
    """kill -9 where it happens to be."""
    recipe = Recipe(epochs=6, batch_size=128)
    train_structure(job(recipe), tmp_path / "whole", CPU)
    command = [sys.executable, "-m", "zennas", "train", TINY, "--dataset", "digits", "--resolution", "8"]
    command += ["--device", "cpu", "--epochs", "6", "--batch-size", "128", "--checkpoint-minutes", "0"]
    command += ["--save-dir", str(tmp_path / "parts")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (tmp_path / "parts" / CHECKPOINT_FILE).exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "parts" / "weights.pt").exists()
    train_structure(job(recipe), tmp_path / "parts", replace(CPU, resume="auto"))
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


@pytest.mark.long
def test_two_processes_see_what_one_sees(tmp_path: Path) -> None:
    """torchrun with two gloo processes: the same curve and the same weights, within rounding."""
    recipe = Recipe(epochs=2, batch_size=128, sync_bn=True, lr=0.05, erase=0.3, precision="fp32")
    train_structure(job(recipe), tmp_path / "one", CPU)
    arguments = [TINY, "--dataset", "digits", "--resolution", "8", "--device", "cpu", "--epochs", "2"]
    arguments += ["--batch-size", "128", "--sync-bn", "--lr", "0.05", "--erase", "0.3", "--precision", "fp32", "--json"]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "zennas", "train"]
    command += [*arguments, "--save-dir", str(tmp_path / "two")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["epochs"][1]["epoch"] == 2
    texts = [(tmp_path / name / "history.csv").read_text() for name in ("one", "two")]
    curves = [list(csv.DictReader(text.splitlines())) for text in texts]
    for alone, shared in zip(*curves, strict=True):
        assert float(shared["train_loss"]) == pytest.approx(float(alone["train_loss"]), abs=1e-5)
        assert shared["test_top1"] == alone["test_top1"]
    one, two = (weights(tmp_path / name) for name in ("one", "two"))
    assert max(float((one[k].double() - two[k].double()).abs().max()) for k in one) < 1e-4
    assert json.loads((tmp_path / "two" / "train.json").read_text())["processes"] == 2


def test_a_folder_is_one_training_s(tmp_path: Path) -> None:
    class Second:
        def step(self, epoch: int, step: int, steps: int, loss: float) -> None:
            with pytest.raises(RunInUseError, match=rf"in use by process {os.getpid()}"):
                train_structure(job(), tmp_path / "x", replace(CPU, resume="auto"))
            raise StopError

        def epoch(self, done: Epoch) -> None:
            pass

    with pytest.raises(StopError):
        train_structure(job(), tmp_path / "x", CPU, Second())
    assert not (tmp_path / "x").exists()


def test_a_training_s_folder_is_a_network(tmp_path: Path) -> None:
    train_structure(job(replace(QUICK, epochs=1)), tmp_path / "a", CPU)
    found = resolve(str(tmp_path / "a"))
    assert (str(found.structure), found.resolution, found.num_classes, found.run) == (TINY, 8, 10, None)


def test_a_loss_that_explodes_is_told(tmp_path: Path) -> None:
    recipe = Recipe(epochs=2, lr=1e6, warmup=0)
    with pytest.raises(TrainingError, match="try a lower --lr"):
        train_structure(job(recipe), tmp_path / "x", CPU)
    assert not (tmp_path / "x").exists()
    steps = Recipe(epochs=3, batch_size=256, lr=0.05, warmup=0, schedule="step", milestones=(1,), decay=0.0)
    kept = replace(steps, precision="fp32")
    object.__setattr__(kept, "decay", 1e30)
    with pytest.raises(TrainingError, match=rf"{CHECKPOINT_FILE} has the last good state, after epoch 1"):
        train_structure(job(kept), tmp_path / "y", CPU)
    found = torch.load(tmp_path / "y" / CHECKPOINT_FILE, weights_only=True)
    assert all(bool(x.isfinite().all()) for x in found["objective"].values())


def test_a_folder_of_a_data_set_s_name_is_not_that_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    train_structure(job(replace(QUICK, epochs=1)), tmp_path / "a", CPU)
    assert json.loads((tmp_path / "a" / "train.json").read_text())["dataset"] == "digits"


def test_an_average_of_weights_is_what_is_kept(tmp_path: Path) -> None:
    train_structure(job(), tmp_path / "plain", CPU)
    train_structure(job(replace(QUICK, ema=0.5)), tmp_path / "average", CPU)
    assert not equal(weights(tmp_path / "plain"), weights(tmp_path / "average"))
    trained_model(str(tmp_path / "average"))


def test_the_best_epoch_can_be_kept(tmp_path: Path) -> None:
    train_structure(job(), tmp_path, replace(CPU, keep_best="best.pt"))
    load_checkpoint(build(parse(TINY), num_classes=10), tmp_path / "best.pt")


def test_a_training_begins_with_weights(tmp_path: Path) -> None:
    train_structure(job(), tmp_path / "a", CPU)
    begun = replace(job(replace(QUICK, epochs=1, lr=0.0)), weights=tmp_path / "a" / "weights.pt")
    train_structure(begun, tmp_path / "b", CPU)
    assert torch.equal(weights(tmp_path / "a")["fc_linear.weight"], weights(tmp_path / "b")["fc_linear.weight"])


def test_the_command_begins_with_one_of_several_weights(tmp_path: Path) -> None:
    first, second = ({**build(parse(TINY), num_classes=10).state_dict()} for _ in range(2))
    torch.save({"state_dict": first, "state_dict_ema": second}, tmp_path / "both.pt")
    given = ["train", TINY, "--dataset", "digits", "--resolution", "8", "--epochs", "1", "--lr", "0", "--device", "cpu"]
    file, folder = f"{tmp_path / 'both.pt'}#state_dict_ema", tmp_path / "out"
    found = CliRunner().invoke(app, [*given, "--weights", file, "--save-dir", str(folder)])
    assert found.exit_code == 0, found.output
    assert torch.equal(weights(folder)["fc_linear.weight"], second["fc_linear.weight"])
    assert CliRunner().invoke(app, [*given, "--weights", f"{tmp_path}/none.pt#ema"]).exit_code == 2


def test_batch_norm_s_settings_are_the_recipe_s(tmp_path: Path) -> None:
    train_structure(job(replace(QUICK, epochs=1, bn_eps=0.1, bn_momentum=0.5)), tmp_path, CPU)
    norms = [m for m in trained_model(str(tmp_path)).network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {0.1}


def test_mixed_precision_and_compilers(tmp_path: Path) -> None:
    result = train_structure(job(replace(QUICK, precision="bf16")), tmp_path / "a", CPU)
    assert len(result.history) == 2
    with pytest.raises(TrainingError, match="fp16, which needs CUDA"):
        train_structure(job(replace(QUICK, precision="fp16")), tmp_path / "b", CPU)


def test_data_that_is_not_there(tmp_path: Path) -> None:
    missing = replace(job(), dataset=str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"there is no data set .*expected digits, cifar10"):
        train_structure(missing, tmp_path / "x", CPU)
    assert not (tmp_path / "x").exists()


def test_the_data_set_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(WrongSettingError, match=r"which data set\? expected digits, cifar10, .*, a folder with train/"):
        zennas.train(SMALL, epochs=1, save_dir=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_odd_batches_train_on_the_cpu(tmp_path: Path) -> None:
    # In a process of its own: in channels-last torch 2.15 writes out of bounds here, and dies.
    network = "SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,16,2,8,1)SuperConvK1BNRELU(16,32,1,1)"
    folder = str(tmp_path / "out")
    chosen = f"dataset='digits', epochs=1, batch_size=255, device='cpu', save_dir={folder!r}"
    code = f"import zennas; zennas.train({network!r}, {chosen})"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_file_of_settings_repeats_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(EVERYTHING, milestones=(1,), schedule="step", clip_value=0.5)
    train_structure(job(recipe), tmp_path / "x", replace(CPU, keep_best="best.pt"))
    config = ["train", "--config", str(tmp_path / "x" / SETTINGS_FILE)]
    runner = CliRunner()
    found = runner.invoke(app, [*config, "--save-dir", str(tmp_path / "y"), "--json"])
    assert found.exit_code == 0, found.output
    assert equal(weights(tmp_path / "x"), weights(tmp_path / "y"))
    assert (tmp_path / "x" / SETTINGS_FILE).read_text() == (tmp_path / "y" / SETTINGS_FILE).read_text()
    assert (tmp_path / "y" / "best.pt").is_file()
    other = runner.invoke(app, [*config, "--save-dir", str(tmp_path / "y"), "--resume", "auto", "--seed", "7"])
    assert isinstance(other.exception, TrainingError)
    assert "finished training with seed 0, not 7" in str(other.exception)
    monkeypatch.setattr("zennas.training.runner.train_structure", lambda job, *_: captured.append(job))
    captured: list[TrainingJob] = []
    runner.invoke(app, [*config, "--epochs", "5", "--no-auto-augment", "--save-dir", str(tmp_path / "z")])
    assert captured[0].recipe == replace(recipe, epochs=5, auto_augment=False)


def test_a_file_of_settings_is_for_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = replace(job(), data_folder=Path("data"), weights=Path("w.pt"), distillation=Distillation("t", "c.pt"))
    (tmp_path / "t").mkdir()
    kept = completed(chosen, "digits")
    assert (kept.data_folder, kept.weights) == (tmp_path / "data", tmp_path / "w.pt")
    assert kept.distillation == Distillation(str(tmp_path / "t"), str(tmp_path / "c.pt"))
    assert completed(kept, "digits") == kept


class Louder(Plain):
    """Somebody's own objective: the same loss, counted twice."""

    def forward(self, images: torch.Tensor, targets: torch.Tensor) -> Losses:
        found = super().forward(images, targets)
        return Losses(2 * found.total, found.logits)


def test_objectives_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"plain", "distillation"} <= set(OBJECTIVES.names())
    assert job().objective_name == "plain"
    assert replace(job(), distillation=Distillation("t")).objective_name == "distillation"
    monkeypatch.setattr(OBJECTIVES, "_items", dict(OBJECTIVES._items))
    OBJECTIVES.add("louder", lambda network, job, shown: Louder(network, job.recipe.label_smoothing))
    quick = replace(job(replace(QUICK, epochs=1)), objective="louder")
    train_structure(quick, tmp_path / "louder", CPU)
    train_structure(replace(quick, objective=None), tmp_path / "plain", CPU)
    assert not equal(weights(tmp_path / "louder"), weights(tmp_path / "plain"))
    with pytest.raises(TrainingError, match="objective louder, not plain"):
        train_structure(replace(quick, objective=None), tmp_path / "louder", replace(CPU, resume="auto"))
    for objective, message in (
        ("distillation", "needs a teacher"),
        ("plainn", "did you mean plain"),
    ):
        with pytest.raises(ValueError, match=message):
            train_structure(replace(quick, objective=objective), tmp_path / "x", CPU)
    with pytest.raises(
        TrainingError, match=r"the objective plain uses no teacher, but .* is given: leave out --objective or --teacher"
    ):
        train_structure(replace(quick, objective="plain", distillation=Distillation("t")), tmp_path / "x", CPU)
    assert not (tmp_path / "x").exists()
