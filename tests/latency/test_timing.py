"""The timer, against a clock that is told what runs take."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import chain, cycle, repeat
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency.measuring.timing import (
    LEAST_SAMPLES,
    CpuClock,
    Sampler,
    Timing,
    clock_of,
    take_turns,
    time_run,
)
from latency.statistics import certainty, drift, median, median_interval, middle_mean, percentile


class FakeClock:
    """Time passes only in runs, which say how long they take."""

    def __init__(self, resolution_ms: float = 1e-4) -> None:
        self.resolution_ms = resolution_ms
        self.seconds = 0.0

    def sample(self, run: Callable[[], object], count: int, inner: int) -> list[float]:
        taken = []
        for _ in range(count):
            before = self.seconds
            for _ in range(inner):
                run()
            taken.append(1000 * (self.seconds - before) / inner)
        return taken

    def now(self) -> float:
        return self.seconds

    def runs(self, milliseconds: Iterator[float]) -> Callable[[], None]:
        def run() -> None:
            self.seconds += next(milliseconds) / 1000

        return run


def timed(milliseconds: Iterator[float], relative_error: float = 0.01, seconds: float = 1.0) -> Timing:
    clock = FakeClock()
    return time_run(clock.runs(milliseconds), clock, relative_error, seconds)


def test_what_takes_the_same_time_settles_at_once() -> None:
    found = timed(repeat(2.0))
    assert found.settled
    assert median(found.samples) == pytest.approx(2.0)
    assert sum(found.samples) < 300  # of 1,000 ms


def test_warm_up_is_left_out() -> None:
    found = timed(chain([500.0], (3.0 + 2.0 * 0.9**i for i in range(60)), repeat(3.0)), seconds=5.0)
    assert found.settled
    assert max(found.samples) < 3.2
    assert found.warm_up > 10


def test_outliers_do_not_move_it() -> None:
    rng = Random(1)
    found = timed(iter(lambda: 1.0 if rng.random() < 0.9 else 40.0, None), seconds=20.0)
    assert found.settled
    assert median(found.samples) == pytest.approx(1.0)
    assert max(found.samples) == pytest.approx(40.0)  # kept all the same


def test_noise_that_is_too_much_says_so() -> None:
    rng = Random(1)
    found = timed(iter(lambda: rng.uniform(1, 9), None), relative_error=0.001, seconds=0.5)
    assert not found.settled
    assert certainty(found.samples) > 0.001


def test_what_gets_slower_and_slower_does_not_settle() -> None:
    found = timed(iter(1.0 + 0.001 * i for i in range(10**6)), seconds=2.0)
    assert not found.settled
    assert drift(found.samples) > 0.03


def test_nothing_is_timed_once() -> None:
    found = timed(repeat(30_000.0), seconds=1.0)
    assert len(found.samples) >= LEAST_SAMPLES
    assert not found.settled


def test_it_stops_when_the_time_is_up() -> None:
    rng = Random(1)
    clock = FakeClock()
    time_run(clock.runs(iter(lambda: rng.uniform(1, 9), None)), clock, 0.0001, 3.0)
    assert 2.9 < clock.seconds < 3.3


def test_runs_shorter_than_the_clock_can_tell_are_grouped() -> None:
    clock = FakeClock(resolution_ms=0.5)
    found = time_run(clock.runs(repeat(0.01)), clock, 0.01, 60.0)
    assert found.inner * 0.01 >= 0.5 / 0.01
    assert median(found.samples) == pytest.approx(0.01)  # a run, not a group


def test_samples_are_in_order() -> None:
    found = timed(cycle([1.0, 2.0, 3.0]), seconds=0.2)
    steps = {round(b - a) % 3 for a, b in zip(found.samples, found.samples[1:], strict=False)}
    assert steps == {1}


def test_several_take_turns_and_share_what_disturbs() -> None:
    clock = FakeClock()
    order: list[str] = []

    def run(name: str, milliseconds: float) -> Callable[[], None]:
        def once() -> None:
            slow = 2.0 if clock.seconds > 1.0 else 1.0  # the machine changes in between
            clock.seconds += slow * milliseconds / 1000
            order.append(name)

        return once

    samplers = [Sampler(run(name, ms), clock, 0.0001) for name, ms in (("a", 1.0), ("b", 3.0))]
    first, second = take_turns(samplers, 1.5)
    turns = [name for i, name in enumerate(order) if i == 0 or order[i - 1] != name]
    assert len(turns) > 10
    assert percentile(second.samples, 0.9) / percentile(first.samples, 0.9) == pytest.approx(3.0)
    assert percentile(second.samples, 0.1) / percentile(first.samples, 0.1) == pytest.approx(3.0)


def test_no_network_no_time() -> None:
    assert take_turns([], 1.0) == []


def test_the_real_clock() -> None:
    assert len(CpuClock().sample(lambda: None, 5, 3)) == 5
    assert isinstance(clock_of("cpu", "cpu"), CpuClock)
    with pytest.raises(ValueError, match="sundial"):
        clock_of("sundial", "cpu")


samples = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=300)


@given(samples, st.floats(0, 1))
def test_percentiles_are_those_of_numpy(values: list[float], share: float) -> None:
    assert percentile(values, share) == pytest.approx(float(np.quantile(values, share)), rel=1e-9)


@given(samples)
def test_the_interval_is_around_the_median(values: list[float]) -> None:
    interval = median_interval(values)
    assert (interval is None) == (len(values) < 6)
    if interval is not None:
        assert interval[0] <= median(values) <= interval[1]
        assert certainty(values) == pytest.approx((interval[1] - interval[0]) / (2 * median(values)))


@pytest.mark.parametrize("count", [6, 15, 50, 200, 201, 1000])
def test_the_interval_covers_the_median_as_often_as_it_says(count: int) -> None:
    rng = np.random.default_rng(count)
    hits = 0
    for _ in range(600):
        low, high = median_interval(rng.exponential(1.0, count).tolist()) or (0.0, 0.0)
        hits += low <= math.log(2) <= high
    assert hits / 600 > 0.93


def test_the_middle_mean_is_robust_and_finer_than_the_clock() -> None:
    assert middle_mean([2, 3, 3, 3, 2, 2, 3, 3, 1000]) == pytest.approx(2.8, abs=0.21)
    assert middle_mean([4.0]) == 4.0


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 0.5)
