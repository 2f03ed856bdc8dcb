"""The projections from a student's features to its teacher's."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from zennas.training.objectives.distillation import Distilling
from zennas.training.recipe import Distillation

from .distilling import FEATURES, SHOWN, batch, distilling, student, taught_by


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
