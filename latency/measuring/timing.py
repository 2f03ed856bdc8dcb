"""The timer: warm up until stable, synchronise, repeat until the median is known. Imports torch only for GPUs.

    sampler = Sampler(session.run, clock_of(session.clock, "cpu"), relative_error=0.01)
    timing = take_turns([sampler], seconds=10.0)[0]

The confidence interval of the median comes from order statistics (binomial; Conover, Practical Nonparametric
Statistics, 3.2), so outliers do not widen it; it assumes independent samples. All samples are kept in order, in
milliseconds per run.
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
"""The least number of samples, however long a run takes: nothing is timed only once."""
MOST_SAMPLES = 100_000
WARM_UP_SHARE = 0.25
"""The largest share of the time limit that warm-up may take, even if the times are still unstable."""
LEAST_SHARE = 0.1
"""Samples are taken for at least this share of the time limit: a short moment may not be typical."""
_WINDOW = 5
_STABLE_WINDOWS = 2


class Clock(Protocol):
    """A way to time runs."""

    resolution_ms: float
    """Times shorter than this, in milliseconds, cannot be distinguished from zero."""

    def sample(self, run: Run, count: int, inner: int) -> list[float]:
        """Return `count` times in milliseconds per run, each averaged over `inner` runs; all work is then finished."""

    def now(self) -> float:
        """The current time in seconds, to compute how much time was used."""


class CpuClock:
    """The monotonic clock of the CPU."""

    resolution_ms = 1e-4  # a call takes about 50 ns

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
    """A pair of events per repeat on the current stream of a CUDA device; work is queued, and one wait ends it."""

    resolution_ms = 5e-4  # of cudaEventElapsedTime, according to its documentation

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
    """Return the clock of that kind, "cpu" or "cuda". Raises ValueError for another kind."""
    if kind == "cpu":
        return CpuClock()
    if kind == "cuda":
        return CudaClock(device)
    raise ValueError(f"unknown clock {kind!r}, expected cpu or cuda")


@dataclass(frozen=True)
class Timing:
    """What a timer measured.

    samples: milliseconds per run, in order. settled: whether the median reached the wanted precision. inner: number of
    runs that each sample averages. warm_up: number of runs before the first sample.
    """

    samples: tuple[float, ...]
    settled: bool
    inner: int
    warm_up: int


class Sampler:
    """Collects samples of one run, a few at a time, so that several networks can take turns."""

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
        """Whether half the interval of the median is within the relative error and the median does not drift."""
        return certainty(self.samples) <= self.relative_error and drift(self.samples) <= 3 * self.relative_error

    def warm_up(self, seconds: float) -> None:
        """Run until two windows in a row are no faster than the best one before, within the relative error.

        Runs at least two windows and otherwise stops after `seconds`. Also determines how many runs a sample needs, so
        that the clock can resolve it.
        """
        end = self.clock.now() + seconds
        self._untimed(1)  # the first run allocates memory, compiles and chooses kernels
        self._typical = self._untimed(1)
        # The clock's step should be at most a tenth of the allowed error.
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
        """Sample for about `seconds`, at least one. `first_untimed` runs once before, to fill the caches again."""
        each = self._typical * self.inner / 1000
        count = min(max(1, int(seconds / each) if each else 1), MOST_SAMPLES)
        with _undisturbed():
            if first_untimed:
                self._untimed(1)
            self.samples += self.clock.sample(self.run, count, self.inner)

    def timing(self) -> Timing:
        """Return the samples taken so far."""
        return Timing(tuple(self.samples), self.settled, self.inner, self.warmed)

    def _untimed(self, count: int) -> float:
        self.warmed += count
        return min(self.clock.sample(self.run, count, 1))


def take_turns(samplers: Sequence[Sampler], seconds: float) -> list[Timing]:
    """Warm up all samplers, then alternate between them until all are precise enough or the time is used up.

    The time limit is `seconds` times the number of samplers. Taking turns spreads whatever drifts (clocks, heat, other
    processes) over all of them alike.
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
        for sampler in open_ones if len(samplers) == 1 else samplers:  # all continue, so that turns stay comparable
            sampler.take(min(turn, max(left, 0.0) / len(samplers)), first_untimed=len(samplers) > 1)
        turn = min(turn * 1.5, 0.05 * seconds)


def time_run(run: Run, clock: Clock, relative_error: float, seconds: float) -> Timing:
    """Time one run alone, for at most `seconds`."""
    return take_turns([Sampler(run, clock, relative_error)], seconds)[0]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Switch garbage collection off within the block."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
