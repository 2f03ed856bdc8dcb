"""Distillation: what its losses are, that the teacher stays out of it, and that it can be killed and resumed."""

from __future__ import annotations

import copy
import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import zennas
from PlainNet import parse
from PlainNet.masternet import MasterNet, build
from tests.zennas.conftest import Run
from zennas.data import Normalisation
from zennas.data.base import Shown
from zennas.named.teachers import Teacher
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.loop import NoWatcher
from zennas.training.objectives.distillation import Distilling, distance, divergence
from zennas.training.objectives.plain import Plain
from zennas.training.recipe import Distillation, Recipe, TrainingError
from zennas.training.runner import train_structure
from zennas.training.stages import Staged, stage_of
from zennas.training.state import Epoch

ROOT = Path(__file__).resolve().parents[3]
STUDENT = "SuperConvK3BNRELU(3,8,2,1)SuperResK3K3(8,16,2,8,1)"
TEACHER = "SuperConvK3BNRELU(3,8,1,1)SuperResK3K3(8,16,2,8,1)SuperResK3K3(16,24,2,16,1)"
GREY = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
OTHER = Normalisation((0.4, 0.5, 0.6), (0.5, 0.2, 0.25))
SHOWN = Shown(GREY, 16, 16)
FEATURES = Distillation("a teacher", ratio=2)


def student(seed: int = 0, text: str = STUDENT) -> MasterNet:
    torch.manual_seed(seed)
    return build(parse(text))


def taught_by(module: nn.Module | None = None, shown: Shown = SHOWN, classes: int = 10) -> Teacher:
    module = student(1, TEACHER) if module is None else module
    return Teacher(module.eval().requires_grad_(False), shown, "mine", classes)


def distilling(settings: Distillation, teacher: Teacher | None = None, network: MasterNet | None = None) -> Distilling:
    return Distilling(network or student(), teacher or taught_by(), settings, SHOWN)


def batch(count: int = 6, seed: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 16, 16, generator=generator), torch.randint(0, 10, (count,), generator=generator)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("ratio", [None, 2])
def test_without_weights_the_loss_is_the_plain_one(smoothing: float, mixed: bool, ratio: int | None) -> None:
    network, (images, labels) = student(), batch()
    targets = F.one_hot(labels, 10).float().roll(1, 0) * 0.3 + F.one_hot(labels, 10) * 0.7 if mixed else labels
    silent = Distillation("a teacher", logit_weight=0, feature_weight=0, ratio=ratio)
    mine = Distilling(network, taught_by(), silent, SHOWN, smoothing).eval()(images, targets)
    plain = Plain(network, smoothing).eval()(images, targets)
    assert torch.equal(mine.total, plain.total)
    assert torch.equal(mine.logits, plain.logits)


def test_the_loss_is_the_sum_of_its_parts() -> None:
    images, labels = batch()
    objective = distilling(
        Distillation("a teacher", logit_weight=0.5, feature_weight=3.0, temperature=2.0, ratio=2)
    ).eval()
    network, teacher = objective.network, student(1, TEACHER).eval()
    mine, logits = network.extract_stage_features_and_logit(images, 2)
    theirs, answers = teacher.extract_stage_features_and_logit(images, 2)
    parts = [F.smooth_l1_loss(p(x), y) for p, x, y in zip(objective.projections, mine, theirs, strict=True)]
    expected = F.cross_entropy(logits, labels) + 0.5 * divergence(logits, answers, 2.0) + 3 * (parts[0] + parts[1])
    assert torch.allclose(objective(images, labels).total, expected, atol=1e-6)


@given(st.integers(0, 10**6), st.integers(2, 20))
@settings(max_examples=25, deadline=None)
def test_at_temperature_one_the_gradient_is_that_of_the_cross_entropy(seed: int, classes: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mine, theirs = (4 * torch.randn(3, classes, generator=generator) for _ in range(2))
    mine.requires_grad_()
    (kl,) = torch.autograd.grad(divergence(mine, theirs, 1.0), mine)
    (ce,) = torch.autograd.grad(F.cross_entropy(mine, theirs.softmax(1)), mine)
    assert torch.allclose(kl, ce, atol=1e-6)


def test_at_high_temperatures_centred_logits_are_matched() -> None:
    # Hinton et al. 2015, section 2.1: the gradient is (v - z) / classes for logits of zero mean.
    generator = torch.Generator().manual_seed(0)
    mine, theirs = (x - x.mean(1, keepdim=True) for x in torch.randn(2, 4, 10, generator=generator))
    mine.requires_grad_()
    (gradient,) = torch.autograd.grad(divergence(mine, theirs, 100.0), mine)
    assert torch.allclose(gradient, (mine - theirs) / 10 / 4, atol=1e-3)


def test_a_student_that_is_its_teacher_has_nothing_to_learn() -> None:
    network, (images, labels) = student().eval(), batch()
    teacher = taught_by(copy.deepcopy(network))
    bare = replace(FEATURES, proj_bn=False, proj_relu=False, temperature=3.0)
    objective = distilling(bare, teacher, network).eval()
    logits = network(images)
    assert float(divergence(logits, teacher.module(images), 3.0).detach()) < 1e-6
    for projection in objective.projections:
        conv = projection[0]  # type: ignore[index]
        nn.init.eye_(conv.weight.flatten(1))
    assert torch.allclose(objective(images, labels).total, F.cross_entropy(logits, labels), atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"proj_bn": False}, {"proj_bn": False, "proj_relu": False}])
def test_projections_learn_the_features_of_an_equal_teacher(options: dict[str, Any]) -> None:
    network, (images, labels) = student().requires_grad_(False), batch()
    objective = distilling(replace(FEATURES, **options), taught_by(copy.deepcopy(network)), network).train()
    network.eval()
    learner = torch.optim.Adam(objective.projections.parameters(), lr=0.02)
    found = []
    for _ in range(150):
        loss = objective(images, labels).total - F.cross_entropy(network(images), labels)
        learner.zero_grad()
        loss.backward()
        learner.step()
        found.append(float(loss.detach()))
    assert found[-1] < 0.4 * found[0]


def test_projections_are_built_as_asked() -> None:
    def kinds(**options: Any) -> list[str]:
        return [type(layer).__name__ for layer in distilling(replace(FEATURES, **options)).projections[0].children()]

    assert kinds() == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert kinds(proj_bn=False) == ["Conv2d", "ReLU"]
    assert kinds(proj_bn=False, proj_relu=False) == ["Conv2d"]
    assert len(distilling(Distillation("a teacher")).projections) == 0
    assert len(distilling(replace(FEATURES, feature_weight=0)).projections) == 0
    bare = distilling(replace(FEATURES, proj_bn=False)).projections[1][0]  # type: ignore[index]
    assert tuple(bare.weight.shape) == (24, 16, 1, 1)
    assert float(bare.bias.detach().abs().max()) == 0
    assert float(bare.weight.detach().std()) == pytest.approx(1e-4 / 4, rel=0.3)


def test_the_seed_decides_the_projections() -> None:
    def weights(seed: int) -> Tensor:
        network, teacher = student(), taught_by()
        torch.manual_seed(seed)
        return Distilling(network, teacher, FEATURES, SHOWN).projections[0][0].weight  # type: ignore

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_the_teacher_is_neither_trained_nor_kept_nor_shared() -> None:
    teacher = student(1, TEACHER)
    objective = distilling(FEATURES, taught_by(teacher))
    before = copy.deepcopy(teacher.state_dict())
    objective.train()
    learner = torch.optim.SGD(objective.parameters(), lr=0.5)
    for seed in range(3):
        learner.zero_grad()
        objective(*batch(seed=seed)).total.backward()
        learner.step()
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert not any(module.training for module in teacher.modules())
    parts = {"network", "projections"}
    assert {name.split(".")[0] for name in objective.state_dict()} == parts
    assert {name.split(".")[0] for name, _ in objective.named_parameters()} == parts
    assert all(p.grad is not None for p in objective.parameters())  # DistributedDataParallel asks for it
    assert not {id(p) for p in teacher.parameters()} & {id(p) for p in objective.parameters()}


def test_the_teacher_follows() -> None:
    teacher = student(1, TEACHER)
    objective = distilling(FEATURES, taught_by(teacher))
    objective.to(memory_format=torch.channels_last)
    convolutions = [p for p in teacher.parameters() if p.dim() == 4 and p.shape[2] > 1]
    assert convolutions
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in convolutions)
    objective.to("meta")
    assert {str(p.device) for p in teacher.parameters()} == {"meta"}
    images, labels = (x.to("meta") for x in batch())
    assert objective(images, labels).total.device.type == "meta"


class Recorder(nn.Module):
    """Remembers the images that it is shown."""

    def forward(self, images: Tensor) -> Tensor:
        self.seen = images
        return images.mean((2, 3)) @ torch.ones(3, 10)


def test_the_teacher_has_its_own_resolution_and_normalisation() -> None:
    recorder = Recorder()
    objective = distilling(Distillation("a teacher"), taught_by(recorder, Shown(OTHER, 24, 24)))
    colours = torch.tensor([0.1, 0.5, 0.9]).view(1, 3, 1, 1).expand(2, 3, 16, 16)
    objective((colours - 0.5) / 0.25, torch.zeros(2, dtype=torch.long))
    expected = torch.tensor([(0.1 - 0.4) / 0.5, 0.0, (0.9 - 0.6) / 0.25]).view(1, 3, 1, 1).expand(2, 3, 24, 24)
    assert torch.allclose(recorder.seen, expected, atol=1e-6)
    images, labels = batch()
    distilling(Distillation("a teacher"), taught_by(recorder))(images, labels)
    assert torch.equal(recorder.seen, images)


def test_features_are_compared_at_the_students_size() -> None:
    objective = distilling(FEATURES, taught_by(shown=Shown(OTHER, 40, 40)))
    assert float(objective(*batch()).total.detach()) > 0
    wanted = torch.full((1, 2, 4, 4), 5.0)
    assert float(distance(torch.zeros(1, 2, 8, 8), wanted)) == pytest.approx(4.5)
    assert float(distance(torch.zeros(1, 2, 8, 8), -wanted, clip=0.5)) == pytest.approx(0.125)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_mixed_precision(compiled: bool) -> None:
    objective = distilling(FEATURES)
    full = objective(*batch()).total
    if compiled:
        objective.compile()
    with torch.autocast("cpu", torch.bfloat16):
        found = objective(*batch())
    assert found.total.dtype == torch.float32
    assert float(found.total.detach()) == pytest.approx(float(full.detach()), rel=0.02)
    found.total.backward()


def test_classes_have_to_be_the_same_for_logits() -> None:
    torch.manual_seed(0)
    teacher = taught_by(build(parse(TEACHER), num_classes=7), classes=7)
    with pytest.raises(TrainingError, match=r"mine has 7 classes, the student 10: .*--logit-weight 0"):
        distilling(FEATURES, teacher)
    assert float(distilling(replace(FEATURES, logit_weight=0), teacher)(*batch()).total.detach()) > 0


def test_stages_have_to_be_as_many() -> None:
    deeper = student(1, TEACHER + "SuperResK3K3(24,24,2,16,1)")
    with pytest.raises(
        TrainingError, match=r"of 2 on, the student has 2 stages and the teacher mine has 3, .*--downsample-ratio"
    ):
        distilling(FEATURES, taught_by(deeper))
    with pytest.raises(TrainingError, match=r"the student has 0 stages and the teacher mine has 0"):
        distilling(replace(FEATURES, ratio=64), taught_by(deeper))
    distilling(replace(FEATURES, feature_weight=0), taught_by(deeper))(*batch())


def test_teachers_that_cannot_answer_are_told() -> None:
    with pytest.raises(TrainingError, match=r"mine fails on images of 16 pixels: .*--teacher-size"):
        distilling(Distillation("a teacher"), taught_by(nn.Linear(3, 10)))
    with pytest.raises(
        TrainingError, match=r"mine returns \(1, 3, 16, 16\) for one image, expected logits of shape \(1, 10\)"
    ):
        distilling(Distillation("a teacher"), taught_by(nn.Identity()))
    broken = student(1, TEACHER)
    nn.init.constant_(broken.fc_linear.bias, float("nan"))
    with pytest.raises(TrainingError, match="not finite"):
        distilling(Distillation("a teacher"), taught_by(broken))


class Net(nn.Module):
    """A residual network in small: its second stage makes maps smaller in the middle of a branch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.relu = nn.ReLU()
        self.one = nn.Sequential(nn.Conv2d(4, 6, 3, 1, 1), nn.ReLU())
        self.two = nn.Sequential(nn.Conv2d(6, 5, 1), nn.BatchNorm2d(5), nn.Conv2d(5, 8, 3, 2, 1))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.fc = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = self.two(self.one(self.relu(self.stem(images))))
        answer: Tensor = self.fc((x * self.gate(x)).mean((2, 3)))
        return answer


def test_stages_of_any_network_are_the_last_outputs_of_outermost_modules() -> None:
    net, (images, _) = Net().eval(), batch()
    ask = Staged(net, 2, images[:1])
    features, logits = ask(images)
    one = net.one(net.relu(net.stem(images)))
    assert torch.equal(features[0], one)  # not what self.two has before its stride
    assert torch.equal(features[1], net.two(one))
    assert len(features) == 2  # no gates
    assert torch.equal(logits, net(images))
    assert Staged(net, 8, images)(images)[0] == []
    found = distilling(FEATURES, taught_by(net))(*batch()).total
    assert float(found.detach()) > 0


def test_networks_without_padding_have_stages_too() -> None:
    def maps(height: int, width: int) -> Tensor:
        return torch.zeros(1, 4, height, width)

    assert [stage_of(maps(side, side), 299, 2) for side in (149, 147, 73, 35, 17, 8)] == [0, 0, 1, 2, 3, 4]
    assert [stage_of(output, 32, 2) for output in (maps(32, 32), maps(16, 8), maps(1, 1), maps(8, 8)[0], None)] == [
        None
    ] * 5


@pytest.fixture(scope="module")
def teacher_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teachers") / "teacher"
    zennas.train(TEACHER, epochs=1, batch_size=128, resolution=16, save_dir=folder, device="cpu")
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
        command = [sys.executable, *start, "-m", "zennas", "distill", STUDENT, *given.split(), "--resolution", "16"]
        subprocess.run(
            [*command, "--device", "cpu", "--save-dir", str(folder)], cwd=ROOT, check=True, capture_output=True
        )
        rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
        losses.append([float(row["train_loss"]) for row in rows])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_the_command(run: Run, teacher_folder: Path) -> None:
    teacher = str(teacher_folder)
    quick = ["distill", STUDENT, "--epochs", "2", "--resolution", "16", "--save-dir", "out", "--device", "cpu"]
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


def test_settings_of_the_wrong_kind() -> None:
    wrong: list[dict[str, Any]] = [{"temperature": 0.0}, {"logit_weight": -1.0}, {"ratio": 0}, {"clip": 0.0}]
    for change in wrong:
        with pytest.raises(TrainingError, match="expected"):
            Distillation("x", **change)
