"""Recipes, schedules and optimisers."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from PlainNet import build, parse
from tests.conftest import SMALL
from zennas.common.settings import described
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.optimisers import optimiser, parameter_groups
from zennas.training.recipe import Distillation, Recipe, TrainingError
from zennas.training.schedule import lr_at


def test_the_schedule_rises_and_falls() -> None:
    recipe = Recipe(epochs=10, batch_size=128, lr=0.4, warmup=1)
    assert lr_at(recipe, 0) == 0
    assert lr_at(recipe, 1) == pytest.approx(0.2)
    assert lr_at(recipe, 5.5) == pytest.approx(0.1)
    assert lr_at(recipe, 10) == pytest.approx(0, abs=1e-12)
    assert lr_at(Recipe(warmup=0), 0) > 0


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_schedules_end_where_they_are_told(schedule: str) -> None:
    recipe = Recipe(epochs=10, batch_size=256, lr=0.4, final_lr=0.1, warmup=2, schedule=schedule)
    rates = [lr_at(recipe, i / 10) for i in range(20, 101)]
    assert rates[0] == pytest.approx(0.4)
    assert rates[-1] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)
    if schedule == "linear":
        assert lr_at(recipe, 6) == pytest.approx(0.25)


def test_steps() -> None:
    recipe = Recipe(epochs=10, batch_size=256, lr=1.0, warmup=0, schedule="step", milestones=(4, 8), decay=0.1)
    assert [lr_at(recipe, e + 0.1) for e in (0, 3, 4, 7, 8, 9)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 1.0},
        {"batch_size": True},
        {"lr": "0.2"},
        {"augment": 1},
        {"seed": -1},
        {"optimizer": "lion"},
        {"erase": 1.5},
        {"mixup": float("nan")},
        {"ema": 2.0},
        {"bn_eps": -1.0},
    ],
)
def test_recipes_of_the_wrong_kind(change: dict[str, object]) -> None:
    with pytest.raises(TrainingError, match=r"^\S+ is .*, expected"):
        Recipe(**change)  # type: ignore[arg-type]


def test_settings_that_do_not_go_together() -> None:
    with pytest.raises(TrainingError, match="epochs is 0"):
        Recipe(epochs=0)
    with pytest.raises(TrainingError, match="the schedule step needs milestones"):
        Recipe(schedule="step")
    with pytest.raises(TrainingError, match="milestones need the schedule step, but the schedule is"):
        Recipe(milestones=(3,))
    with pytest.raises(TrainingError, match="accumulate is 33, expected at most 32"):
        Recipe(accumulate=33)
    with pytest.raises(TrainingError, match="ema is 1, which would keep"):
        Recipe(ema=1.0)
    with pytest.raises(TrainingError, match="clip-norm is 0, expected a number above 0"):
        Recipe(clip_norm=0.0)
    with pytest.raises(TrainingError, match="the teacher x would have no effect"):
        TrainingJob(parse(SMALL), "digits", distillation=Distillation("x", logit_weight=0))
    with pytest.raises(TrainingError, match="temperature is 0"):
        Distillation("x", temperature=0)
    with pytest.raises(TrainingError, match="downsample-ratio is 0"):
        Distillation("x", ratio=0)


OPTIMIZERS = next(one.setting.choices for one in described(Recipe) if one.name == "optimizer")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimisers_move_the_weights(name: str) -> None:
    layer = nn.Linear(3, 1)
    before = layer.weight.detach().clone()
    chosen = optimiser(layer, Recipe(optimizer=name, lr=0.1))
    layer(torch.ones(2, 3)).sum().backward()
    chosen.step()
    assert not torch.equal(before, layer.weight)


def test_norms_and_biases_need_not_decay() -> None:
    network = build(parse(SMALL), num_classes=10, use_se=True)
    recipe = Recipe(decay_norms=False, weight_decay=0.1)
    decaying, still = parameter_groups(network, recipe)
    assert decaying["weight_decay"] == 0.1
    assert still["weight_decay"] == 0
    assert all(p.dim() > 1 for p in decaying["params"])
    assert all(p.dim() == 1 for p in still["params"])
    assert len(decaying["params"]) + len(still["params"]) == len(list(network.parameters()))
    (everything,) = parameter_groups(network, Recipe())
    assert len(everything["params"]) == len(list(network.parameters()))


@pytest.mark.parametrize("kind", [Recipe, Distillation, TrainingJob, RunOptions])
def test_every_field_is_described(kind: type) -> None:
    found = {one.name: one for one in described(kind)}
    missing = {f.name for f in dataclasses.fields(kind)} - set(found)
    assert missing <= {"structure"}
    assert all(one.setting.help.endswith(".") for one in found.values() if not one.kind.nested)
