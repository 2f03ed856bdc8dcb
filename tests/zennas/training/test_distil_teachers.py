"""The teacher stays out of the training, sees images its own way, and has to fit the student."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from PlainNet import parse
from PlainNet.masternet import build
from zennas.data.base import Shown
from zennas.training.recipe import Distillation, TrainingError

from .distilling import FEATURES, OTHER, TEACHER, batch, distilling, student, taught_by


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
