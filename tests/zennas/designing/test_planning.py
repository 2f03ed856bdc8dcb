"""How minutes become limits and counts, and that a design ends within them whatever the machine does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from zennas.designing.errors import MinutesError
from zennas.designing.images import Images
from zennas.designing.planning import (
    FILE_MARGIN,
    Pace,
    Plan,
    batch_size_for,
    epoch_seconds,
    iterations_for,
    planned,
    with_training,
    with_tuning,
)
from zennas.designing.settings import DesignSettings
from zennas.training.recipe import Recipe
from zennas.training.timing import LAST_TESTS, Timetable

ASKED = DesignSettings("stm32h743", "digits", minutes=10)
SOME = Images(("a", "b"), 200, 50, 32, 3, 0.2)
PACE = Pace(load=1e-4, train=2e-3, test=5e-4, flops=4_000_000)


@dataclass
class Machine:
    """A machine whose speed changes: `speed` says how much slower than at the beginning it is at a time in seconds."""

    speed: Callable[[float], float]
    now: float = 0.0
    slowest: float = field(default=0.0)

    def work(self, seconds: float) -> float:
        """Do what takes so long at the first speed, and return how long it took."""
        took = seconds * self.speed(self.now)
        self.slowest = max(self.slowest, took)
        self.now += took
        return took

    def train(self, images: Images, pace: Pace, epochs: int, seconds: float) -> int:
        """Train as `training.loop` does, and return how many epochs were begun."""
        batch = batch_size_for(images.train)
        steps, test, began = max(1, images.train // batch), images.test * pace.test, self.now
        recipe = Recipe(epochs=epochs, minutes=seconds / 60, batch_size=batch)
        table, step = Timetable(recipe, steps, images.test / batch, began=began, clock=lambda: self.now), 0
        while not table.ended(step):
            took, step = self.work(batch * pace.train), step + 1
            table.stepped(took, step)
            if step % steps == 0 or table.over:
                table.tested(self.work(test), step)
        self.work((LAST_TESTS - 1) * test)
        return -(-step // steps)


def designed(asked: DesignSettings, images: Images, pace: Pace, file: float, machine: Machine, loses: bool) -> Plan:
    """Spend the minutes of a design as `running.py` does. file: seconds for the file, at the first speed."""
    machine.work(4)
    plan = planned(asked, images, pace)
    machine.work(plan.search_seconds)
    seen = machine.speed(machine.now)  # what is measured just before the training
    slow = Pace(pace.load * seen, pace.train * seen, pace.test * seen, pace.flops)
    plan = with_training(plan, asked, images, slow, machine.now, file * seen, tunable=True)
    assert plan.epochs is not None and plan.training_seconds is not None
    began = machine.now
    done = machine.train(images, pace, plan.epochs, plan.training_seconds)
    took = machine.now - began
    exported = machine.work(file)
    if loses:
        plan = with_tuning(plan, asked, done, took, machine.now, exported)
        if plan.tuning and plan.tuning_seconds:
            machine.train(images, replace(pace, train=1.5 * pace.train), plan.tuning, plan.tuning_seconds)
            machine.work(file)
    machine.work(2)  # the page
    return plan


@pytest.mark.parametrize("loses", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_a_design_ends_within_its_minutes_whatever_the_machine_does(seed: int, loses: bool) -> None:
    rng = Random(seed)
    images = replace(SOME, train=rng.choice((60, 200, 1_500, 8_000)), test=rng.choice((20, 300, 2_000)))
    pace = Pace(1e-4, 10 ** rng.uniform(-3.5, -2), 5e-4, 4_000_000)
    asked = replace(ASKED, minutes=rng.choice((3, 10, 60)))
    change, later = 5 ** rng.uniform(-0.8, 1), rng.uniform(0, 60 * asked.minutes)
    machine = Machine(lambda now: change if now > later else 1.0)
    file = 0.5 + images.test * 3e-3
    try:
        plan = designed(asked, images, pace, file, machine, loses)
    except MinutesError:
        assert 4 * epoch_seconds(images, pace) * max(1, change) > 30 * asked.minutes
        return
    # What no plan foresees is a machine that becomes slower only when the training is over.
    unforeseen = max(0.0, change - FILE_MARGIN) * file + 2 * max(0.0, change - 1) * (images.test * pace.test + 2)
    assert machine.now <= asked.seconds + unforeseen + machine.slowest * (images.train < 100)
    assert machine.now >= (0.75 if plan.tuning is None else 0.7) * asked.seconds - 40 * max(1.0, change)


@pytest.mark.parametrize("when", [0.2, 0.35, 0.5, 0.9])
def test_a_machine_that_becomes_slower_at_any_epoch_gets_fewer_of_them(when: float) -> None:
    steady, slow = Machine(lambda _: 1.0), Machine(lambda now: 4.0 if now > when * ASKED.seconds else 1.0)
    for machine in (steady, slow):
        designed(ASKED, SOME, PACE, 2.0, machine, loses=False)
        assert 0.8 * ASKED.seconds < machine.now <= ASKED.seconds + (2.5 * 4 if machine is slow else 0)


def test_epochs_that_are_asked_for_are_the_most() -> None:
    asked = replace(ASKED, epochs=5)
    plan = with_training(Plan(1_000_000, 5, 20), asked, SOME, PACE, 30, 2.0, tunable=False)
    assert plan.epochs == 5
    machine = Machine(lambda _: 1.0)
    assert plan.training_seconds is not None
    assert machine.train(SOME, PACE, 5, plan.training_seconds) == 5
    assert machine.now < 10


def test_there_is_time_for_rounding_or_it_is_said() -> None:
    plan = Plan(1_000_000, 50, 20)
    made = with_tuning(plan, ASKED, 50, 400, spent=500, file=3)
    assert (made.tuning, made.tuning_seconds) == (5, 600 - 500 - 4.5 - 4)
    assert with_tuning(plan, ASKED, 50, 400, spent=590, file=3).tuning == 0


@pytest.mark.parametrize("minutes", [1, 3, 60])
@pytest.mark.parametrize("train", [50, 1_000, 20_000])
def test_networks_are_small_enough_for_the_time(minutes: float, train: int) -> None:
    asked, images = replace(ASKED, minutes=minutes), replace(SOME, train=train, test=train // 4)
    try:
        plan = planned(asked, images, PACE)
    except MinutesError:
        assert train * PACE.load * 3 > 10 * minutes
        return
    each = epoch_seconds(images, replace(PACE, train=PACE.load + plan.flops * PACE.per_flop))
    assert plan.search_seconds + plan.epochs_wanted * each <= asked.seconds


def test_fewer_minutes_give_smaller_networks() -> None:
    limits = [planned(replace(ASKED, minutes=minutes), SOME, PACE).flops for minutes in (1, 3, 10, 60)]
    assert limits == sorted(limits)
    assert limits[0] < limits[-1]


def test_too_few_minutes_are_refused_with_how_many_would_do() -> None:
    with pytest.raises(MinutesError, match=r"minutes is 0\.1, too few .* expected about") as raised:
        planned(replace(ASKED, minutes=0.1), SOME, PACE)
    enough = float(str(raised.value).partition("about ")[2].split()[0])
    assert planned(replace(ASKED, minutes=enough), SOME, PACE).flops > 0
    with pytest.raises(MinutesError, match="for 1 epoch: expected about"):
        with_training(Plan(1_000_000, 5, 20), ASKED, SOME, replace(PACE, train=5.0), 10, 2.0, tunable=True)


def test_a_search_lasts_as_long_as_it_may() -> None:
    plan = Plan(1_000_000, 50, search_seconds=20)
    assert iterations_for(plan, 1_000, 1.0) == 16_000
    assert iterations_for(plan, 1_000, 100.0) == 1_000
    assert Plan.from_json(plan.to_json()) == plan
