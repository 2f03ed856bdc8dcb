"""How minutes become limits and counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zennas.designing.errors import MinutesError
from zennas.designing.images import Images
from zennas.designing.planning import LEAST_EPOCHS, Pace, Plan, epochs_for, file_seconds, iterations_for, planned
from zennas.designing.settings import DesignSettings
from zennas.designing.watching import Hurried, NoWatcher, SlowerError
from zennas.training.history import Epoch

ASKED = DesignSettings("stm32h743", "digits", minutes=10)
SOME = Images(("a", "b"), 200, 50, 32, 3, 0.2)
PACE = Pace(load=1e-4, train=2e-3, test=5e-4, flops=4_000_000)


@pytest.mark.parametrize("minutes", [1, 3, 60])
@pytest.mark.parametrize("train", [50, 1_000, 20_000])
def test_what_is_planned_fits_into_the_time(minutes: float, train: int) -> None:
    asked, images = replace(ASKED, minutes=minutes), replace(SOME, train=train, test=train // 4)
    try:
        plan = planned(asked, images, PACE)
    except MinutesError:
        assert train * PACE.load * 3 > 10 * minutes
        return
    each = train * (PACE.load + plan.flops * PACE.per_flop) + images.test * PACE.test
    took = plan.search_seconds + file_seconds(asked) + plan.epochs_wanted * each
    assert took <= asked.seconds
    chosen = replace(PACE, train=PACE.load + plan.flops * PACE.per_flop)
    epochs = epochs_for(asked, images, chosen, plan.search_seconds)
    assert plan.search_seconds + epochs * each <= asked.seconds


def test_fewer_minutes_give_smaller_networks() -> None:
    limits = [planned(replace(ASKED, minutes=minutes), SOME, PACE).flops for minutes in (1, 3, 10, 60)]
    assert limits == sorted(limits)
    assert limits[0] < limits[-1]


def test_too_few_minutes_are_refused_with_how_many_would_do() -> None:
    with pytest.raises(MinutesError, match=r"minutes is 0\.1, too few .* expected about") as raised:
        planned(replace(ASKED, minutes=0.1), SOME, PACE)
    enough = float(str(raised.value).partition("about ")[2].split()[0])
    assert planned(replace(ASKED, minutes=enough), SOME, PACE).flops > 0
    with pytest.raises(MinutesError):
        epochs_for(ASKED, SOME, replace(PACE, train=5.0), 10)


def test_a_search_lasts_as_long_as_it_may() -> None:
    plan = Plan(1_000_000, 50, search_seconds=20)
    assert iterations_for(plan, 1_000, 1.0) == 16_000
    assert iterations_for(plan, 1_000, 100.0) == 1_000
    assert Plan.from_json(plan.to_json()) == plan


def test_a_training_that_is_too_slow_ends_early() -> None:
    now = [0.0]

    def after(epochs: int, each: float, seconds: float) -> int | None:
        now[0] = 0.0
        watcher = Hurried(NoWatcher().training(epochs, 16), epochs, seconds, clock=lambda: now[0])
        for number in range(1, epochs + 1):
            now[0] += each
            try:
                watcher.epoch(Epoch(number, 0.1, 1.0, 50.0, 50.0, 100.0, each, 100.0))
            except SlowerError as slower:
                assert number * each + slower.epochs * each <= max(seconds, (number + LEAST_EPOCHS) * each)
                return slower.epochs
        return None

    assert after(60, each=1.0, seconds=70) is None
    assert after(60, each=2.0, seconds=70) == 24
    assert after(60, each=30.0, seconds=70) == LEAST_EPOCHS
