"""The one timer: warm-up until stable, synchronised, repeated until the median is known. Imports torch for GPUs only.

    sampler = Sampler(session.run, clock_of(session.clock, "cpu"), relative_error=0.01)
    timing = take_turns([sampler], seconds=10.0)[0]

The interval of the median is of order statistics (binomial; Conover, Practical Nonparametric Statistics, 3.2), so that
outliers do not widen it; it takes samples for independent. All samples are kept, in milliseconds a run, in order.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from latency.statistics import certainty, drift, median

Run = Callable[[], object]

LEAST_SAMPLES = 3
"""However long a run takes: nothing is timed once."""
MOST_SAMPLES = 100_000
WARM_UP_SHARE = 0.25
"""Of the time that a measurement may take, at most, however unstable."""
LEAST_SHARE = 0.1
"""Of that time are samples taken, at least: what is so for a moment need not be typical."""
_WINDOW = 5
_STABLE_WINDOWS = 2


class Clock(Protocol):
    """How runs are timed."""

    resolution_ms: float
    """Shorter times than this cannot be told from none."""

    def sample(self, run: Run, count: int, inner: int) -> list[float]:
        """Milliseconds a run, `count` times, each over `inner` runs in one go. All work is done when it returns."""

    def now(self) -> float:
        """Seconds, for how much time was used."""


class CpuClock:
    """The monotonic clock."""

    resolution_ms = 1e-4  # a call takes some 50 ns

    def sample(self, run: Run, count: int, inner: int) -> list[float]:
        clock = time.perf_counter_ns
        taken = []
        for _ in range(count):
            begin = clock()
            for _ in range(inner):
                run()
            taken.append((clock() - begin) / (1e6 * inner))
        return taken

    def now(self) -> float:
        return time.perf_counter()


class CudaClock:
    """Events on the current stream of a CUDA device, a pair a repeat; work is queued, and waited for at the end."""

    resolution_ms = 5e-4  # of cudaEventElapsedTime, by its documentation

    def __init__(self, device: str = "cuda") -> None:
        import torch

        self._torch = torch
        self._device = torch.device(device)

    def sample(self, run: Run, count: int, inner: int) -> list[float]:
        cuda = self._torch.cuda
        with cuda.device(self._device):
            pairs: list[tuple[Any, Any]] = [
                (cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)) for _ in range(count)
            ]
            cuda.synchronize()
            for begin, end in pairs:
                begin.record()
                for _ in range(inner):
                    run()
                end.record()
            cuda.synchronize()
            return [begin.elapsed_time(end) / inner for begin, end in pairs]

    def now(self) -> float:
        return time.perf_counter()


def clock_of(kind: str, device: str) -> Clock:
    """The clock that a session asks for: "cpu" or "cuda"."""
    if kind == "cpu":
        return CpuClock()
    if kind == "cuda":
        return CudaClock(device)
    raise ValueError(f"unknown clock {kind!r}, expected cpu or cuda")


@dataclass(frozen=True)
class Timing:
    """What a timer found: milliseconds a run, in order; whether the median is as certain as was asked for.

    inner: runs behind each sample. warm_up: runs before the first one.
    """

    samples: tuple[float, ...]
    settled: bool
    inner: int
    warm_up: int


class Sampler:
    """Samples of one run, taken a few at a time, so that several networks can take turns."""

    def __init__(self, run: Run, clock: Clock, relative_error: float) -> None:
        self.run = run
        self.clock = clock
        self.relative_error = relative_error
        self.samples: list[float] = []
        self.warmed = 0
        self.inner = 1
        self._typical = math.inf

    @property
    def settled(self) -> bool:
        """Whether half the interval of the median is within the relative error, and the median stands still."""
        return certainty(self.samples) <= self.relative_error and drift(self.samples) <= 3 * self.relative_error

    def warm_up(self, seconds: float) -> None:
        """Run until two windows in a row are no faster than the best before by more than the relative error.

        At least twice, and for no longer than `seconds` otherwise. Finds how many runs make a sample that the clock can
        tell from others.
        """
        end = self.clock.now() + seconds
        self._untimed(1)  # the first run allocates, compiles and chooses kernels
        self._typical = self._untimed(1)
        # The clock's step is a tenth of the error allowed.
        short = self.clock.resolution_ms / (0.1 * self.relative_error)
        self.inner = max(1, math.ceil(short / max(self._typical, 1e-6)))
        tolerance = max(self.relative_error, 0.01)
        calm = 0
        while calm < _STABLE_WINDOWS and self.clock.now() < end:
            window = median(self.clock.sample(self.run, _WINDOW, self.inner))
            self.warmed += _WINDOW * self.inner
            calm = calm + 1 if window > self._typical * (1 - tolerance) else 0
            self._typical = min(self._typical, window)

    def take(self, seconds: float, *, first_untimed: bool = False) -> None:
        """Take samples for about `seconds`, at least one; `first_untimed` runs once before, to fill caches again."""
        each = self._typical * self.inner / 1000
        count = min(max(1, int(seconds / each) if each else 1), MOST_SAMPLES)
        with _undisturbed():
            if first_untimed:
                self._untimed(1)
            self.samples += self.clock.sample(self.run, count, self.inner)

    def timing(self) -> Timing:
        return Timing(tuple(self.samples), self.settled, self.inner, self.warmed)

    def _untimed(self, count: int) -> float:
        self.warmed += count
        return min(self.clock.sample(self.run, count, 1))


def take_turns(samplers: Sequence[Sampler], seconds: float) -> list[Timing]:
    """Warm each up, then let them take turns until all have settled or `seconds` a sampler are used.

    Turns spread whatever drifts (clocks, heat, neighbours) over all of them alike.
    """
    if not samplers:
        return []
    clock = samplers[0].clock
    begin = clock.now()
    total = seconds * len(samplers)
    for sampler in samplers:
        sampler.warm_up(WARM_UP_SHARE * seconds)
    turn = 0.005
    least = clock.now() - begin + LEAST_SHARE * total
    while True:
        used = clock.now() - begin
        left = total - used
        open_ones = [
            s
            for s in samplers
            if len(s.samples) < LEAST_SAMPLES
            or (left > 0 and len(s.samples) < MOST_SAMPLES and (used < least or not s.settled))
        ]
        if not open_ones:
            return [sampler.timing() for sampler in samplers]
        for sampler in open_ones if len(samplers) == 1 else samplers:  # all go on: turns stay comparable
            sampler.take(min(turn, max(left, 0.0) / len(samplers)), first_untimed=len(samplers) > 1)
        turn = min(turn * 1.5, 0.05 * seconds)


def time_run(run: Run, clock: Clock, relative_error: float, seconds: float) -> Timing:
    """Time one run alone."""
    return take_turns([Sampler(run, clock, relative_error)], seconds)[0]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage collection meanwhile."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
