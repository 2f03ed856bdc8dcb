"""The losses of distillation: what they are the sum of, and their limits."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from zennas.data.base import Shown
from zennas.training.objectives.distillation import Distilling, distance, divergence
from zennas.training.objectives.plain import Plain
from zennas.training.recipe import Distillation, TrainingError

from .distilling import FEATURES, OTHER, SHOWN, TEACHER, batch, distilling, student, taught_by


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
@settings(max_examples=25)
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


def test_settings_of_the_wrong_kind() -> None:
    wrong: list[dict[str, Any]] = [{"temperature": 0.0}, {"logit_weight": -1.0}, {"ratio": 0}, {"clip": 0.0}]
    for change in wrong:
        with pytest.raises(TrainingError, match="expected"):
            Distillation("x", **change)
