"""Searches that train: settings, images, kill and resume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from PlainNet import parse
from zennas.budget.budgets import Budget
from zennas.common.errors import SettingsError, ZennasError
from zennas.runs.store import Store
from zennas.searching.result import read_result
from zennas.searching.runner import resume, start
from zennas.searching.settings import SearchSettings
from zennas.training.recipe import RecipeError
from zennas.training.short import ShortTraining, complete_training, read_recipe
from zennas.training.short_run import ShortTrainer

from .test_runs import Clock, CutShort, Interrupter, rows

NETWORK = parse("SuperConvK3BNRELU(3,8,2,1)SuperConvK1BNRELU(8,32,1,1)")
TRAINING = ShortTraining("digits", epochs=3, train_images=200, recipe={"batch_size": 20})
SETTINGS = SearchSettings(
    search_space="units",
    budget=Budget(params=5_000),
    objective="train",
    strategy="successive_halving",
    training=TRAINING,
    resolution=8,
    budget_evaluations=8,
)


def test_a_training_learns_and_repeats_itself() -> None:
    trainer = ShortTrainer(TRAINING, 8, False, "cpu")
    before = torch.get_rng_state()
    found = trainer(NETWORK, 3, seed=1)
    assert found == ShortTrainer(TRAINING, 8, False, "cpu")(NETWORK, 3, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    assert trainer(NETWORK, 30, seed=1) > 20


def test_the_images_that_decide_are_not_trained_on() -> None:
    trainer = ShortTrainer(replace(TRAINING, train_images=None), 8, False, "cpu")
    train, held_out = trainer._train, trainer._held_out
    assert train.pixels is not None and held_out.pixels is not None
    seen = {one.numpy().tobytes() for one in train.pixels}
    both = sum(one.numpy().tobytes() in seen for one in held_out.pixels)
    assert both <= 1  # equal images in the data set itself
    assert len(train) + len(held_out) == 1437
    assert len(held_out) == pytest.approx(143.7, abs=6)


def test_complete_settings_say_everything_and_are_a_recipe(tmp_path: Path) -> None:
    found = complete_training(ShortTraining("DIGITS", recipe={"lr": 0.1, "epochs": 4}), "cpu")
    assert (found.dataset, found.epochs, found.recipe["lr"]) == ("digits", 4, 0.1)
    assert complete_training(found, "cpu") == found
    with pytest.raises(RecipeError, match="lr is -1"):
        ShortTraining("digits", recipe={"lr": -1.0})
    (tmp_path / "r.toml").write_text('dataset = "digits"\n[recipe]\nlr = 0.3\n')
    assert read_recipe(tmp_path / "r.toml") == {"dataset": "digits", "recipe": {"lr": 0.3}}


def test_a_search_that_trains_is_cut_short_and_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zennas.searching.runner.time", Clock())
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start(whole, SETTINGS)
    with pytest.raises(CutShort):
        start(parts, SETTINGS, Interrupter(3))
    resume(parts)
    assert rows(whole) == rows(parts)
    a, b = read_result(whole), read_result(parts)
    assert a.best == b.best and a.best is not None
    assert (a.best.measures["epochs"].value, a.counts["scored"]) == (3, 8)
    assert a.settings.training is not None and a.settings.training.recipe["batch_size"] == 20


def test_a_run_does_not_go_on_with_other_images(tmp_path: Path) -> None:
    with pytest.raises(CutShort):
        start(tmp_path, SETTINGS, Interrupter(1))
    with Store.open(tmp_path) as store:
        store.put({"objective_digest": "of others"})
    with pytest.raises(SettingsError, match="what the objective train reads has changed"):
        resume(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"training": None}, "the objective train needs images: add --dataset NAME"),
        ({"budget_evaluations": None}, "add --budget-evaluations N"),
        ({"objective": "proxy", "strategy": "random"}, "--dataset digits is for trainings"),
        ({"num_classes": 100}, "num-classes is 100, but digits has 10 classes: use --num-classes 10"),
        ({"training": ShortTraining("digits", train_images=5000)}, "train-images is 5,000, but digits"),
        ({"training": ShortTraining("digitz")}, "there is no data set"),
    ],
)
def test_what_does_not_go_together_is_refused_before_there_is_a_run(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ZennasError, match=message):
        start(tmp_path / "run", replace(SETTINGS, **change))
    assert not (tmp_path / "run").exists()
