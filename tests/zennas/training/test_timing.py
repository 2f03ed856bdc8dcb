"""Trainings with a time limit, by a clock of the tests: they end in time, use it, and go on where they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
import torch

from PlainNet import parse
from tests.zennas.threads import one_thread as one_thread
from zennas.training import runner
from zennas.training.history import Epoch
from zennas.training.job import RunOptions, TrainingJob
from zennas.training.loop import NoWatcher, train_epochs
from zennas.training.outcome import TrainResult
from zennas.training.recipe import Recipe, RecipeError, TrainingError
from zennas.training.runner import train_structure
from zennas.training.schedule import lr_at
from zennas.training.short import ShortTraining
from zennas.training.timing import LAST_TESTS, MARGIN, Timetable

NETWORK = parse("SuperConvK3BNRELU(3,8,2,1)")
RECIPE = Recipe(epochs=40, batch_size=64, minutes=1.0)


class Simulated:
    """A training on a machine of any speed. pace: seconds of a step by its number; test: length of a test in steps."""

    def __init__(self, recipe: Recipe, steps: int, test: float, pace: Callable[[int], float]) -> None:
        self.recipe, self.steps, self.test, self.pace = recipe, steps, test, pace
        self.now, self.step, self.lost, self.shares = 0.0, 0, 0.0, list[float]()
        self.slowest = 0.0

    def run(self, used: float = 0.0, share: float = 0.0, until: float = float("inf")) -> Timetable:
        """Train on to the end, or until it is killed; what was used before counts, and what was lost does not."""
        began, table = self.now, self._table(used, share)
        while not table.ended(self.step):
            if self.now - began > until:
                return table
            seconds = self.pace(self.step)
            self.slowest = max(self.slowest, seconds)
            self.now, self.step = self.now + seconds, self.step + 1
            table.stepped(seconds, self.step)
            self.shares.append(table.share)
            if self.step % self.steps == 0 or table.over:
                self.now += self.test * seconds
                table.tested(self.test * seconds, self.step)
        self.now += (LAST_TESTS - 1) * self.test * seconds
        return table

    def _table(self, used: float, share: float) -> Timetable:
        return Timetable(self.recipe, self.steps, self.test, used=used, share=share, clock=lambda: self.now)


def changing(rng: Random) -> Callable[[int], float]:
    """A machine that becomes up to eight times as fast or slow, now and then and at once."""
    base, speed = 10 ** rng.uniform(-2.5, 0), [1.0]

    def pace(step: int) -> float:
        if rng.random() < 0.02:
            speed[0] = 8 ** rng.uniform(-1, 1)
        return base * speed[0] * rng.uniform(0.9, 1.1)

    return pace


@pytest.mark.parametrize("seed", range(200))
def test_whatever_the_pace_does_a_training_ends_in_time(seed: int) -> None:
    rng = Random(seed)
    steps, test = rng.randint(5, 300), rng.uniform(0.2, 30)
    own = Simulated(replace(RECIPE, epochs=rng.choice((5, 40, 10_000))), steps, test, changing(rng))
    table = own.run()
    # A machine that becomes slower at the very end makes the last step and the last tests longer.
    assert own.now <= 60 + own.slowest * (1 + LAST_TESTS * test)
    if own.slowest * (2 + LAST_TESTS * test * MARGIN) < 6:
        assert own.now <= 66
    assert own.shares == sorted(own.shares)
    assert own.step == own.recipe.epochs * steps or table.share == 1
    lrs = [lr_at(own.recipe, own.recipe.epochs * share) for share in own.shares]
    warm = next((i for i, share in enumerate(own.shares) if share * own.recipe.epochs > 1), len(lrs))
    assert all(one >= other for one, other in pairwise(lrs[warm:]))


@pytest.mark.parametrize("change", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("when", [0.1, 0.5, 0.9])
def test_a_training_uses_its_time_and_no_more(change: float, when: float) -> None:
    own = Simulated(replace(RECIPE, epochs=10_000), 50, 5, lambda step: 0.02 * (change if own.now > 60 * when else 1))
    own.run()
    assert 56 < own.now <= 60
    assert own.shares[-1] == 1


def test_epochs_end_a_training_that_is_fast_enough_and_then_time_decides_nothing() -> None:
    own = Simulated(RECIPE, 50, 5, lambda step: 0.001)
    own.run()
    assert (own.step, own.now < 10) == (40 * 50, True)
    table = Timetable(RECIPE, 50, 5, clock=lambda: own.now)
    free = Timetable(replace(RECIPE, minutes=None), 50, 5)
    for step in range(1, 500):
        own.now += 0.001
        table.stepped(0.001, step)
        assert table.passed(step + 0.5) == free.passed(step + 0.5) == (step + 0.5) / 50


@pytest.mark.parametrize("seed", range(50))
def test_a_training_that_is_killed_goes_on_with_the_time_that_it_has(seed: int) -> None:
    rng = Random(seed)
    own = Simulated(replace(RECIPE, epochs=10_000), 50, 5, lambda step: 0.02)
    first = own.run(until=rng.uniform(1, 50))
    kept, used = first.share, first.used
    own.now += 1000  # between the kill and the resume
    own.run(used, kept)
    assert 56 < own.now - 1000 <= 60.5
    assert own.shares == sorted(own.shares)


class Ticking:
    """A clock that goes on by so many seconds whenever it is read."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def trained(
    folder: Path, recipe: Recipe, tick: float, monkeypatch: pytest.MonkeyPatch, watcher: NoWatcher = NoWatcher()
) -> TrainResult:
    """Train on digits, by a clock of its own. tick: see `Ticking`."""
    clock = Ticking(tick)

    def timed(*parts: object, started: float) -> None:
        train_epochs(*parts, clock=clock)  # type: ignore[arg-type]

    monkeypatch.setattr(runner, "train_epochs", timed)
    options = RunOptions(device="cpu", resume="auto", checkpoint_minutes=0)
    return train_structure(TrainingJob(NETWORK, "digits", recipe, resolution=16), folder, options, watcher)


def test_a_slow_machine_trains_for_fewer_epochs_and_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(epochs=9, batch_size=256, minutes=1.0, quantise_aware=2)
    found = trained(tmp_path / "slow", recipe, 0.5, monkeypatch)
    assert 1 < len(found.history) < 9
    assert found.history[-1].lr == 0 and found.notes == ()
    with pytest.raises(TrainingError, match="its learning rate falls with the time, of at most 1 minutes"):
        trained(tmp_path / "slow", replace(recipe, epochs=12), 0.5, monkeypatch)

    class Killed(NoWatcher):
        def epoch(self, done: Epoch) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", recipe, 0.5, monkeypatch, Killed())
    again = trained(tmp_path / "killed", recipe, 0.5, monkeypatch)
    assert abs(len(again.history) - len(found.history)) <= 1
    assert again.history[-1].lr == 0


def test_a_limit_that_is_not_reached_changes_no_weight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(epochs=2, batch_size=256)
    weights = []
    for limited in (recipe, replace(recipe, minutes=50.0)):
        folder = tmp_path / str(limited.minutes)
        trained(folder, limited, 1e-4, monkeypatch)
        weights.append(torch.load(folder / "weights.pt", weights_only=True)["state_dict"])
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_part_of_an_epoch_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = trained(tmp_path / "run", Recipe(epochs=9, batch_size=64, minutes=1.0), 6.0, monkeypatch)
    assert len(found.history) == 1
    (note,) = found.notes
    assert note.startswith("1 minutes were over after") and "of the 22 steps of the first epoch: give more" in note


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(RecipeError, match="minutes is 0"):
        Recipe(minutes=0)
    with pytest.raises(RecipeError, match="minutes is 2, but networks are compared by trainings that do not depend"):
        ShortTraining("digits", recipe={"minutes": 2.0})
