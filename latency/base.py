"""What a latency back end is, and what it gives. No torch.

A back end is one file in `backends/`: it prepares a `Subject` under `MeasureSettings` as a `Session`, which runs the
network once a call. `measure.py` checks the session against PyTorch, times it with `timing.py`, and keeps the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from latency.kernels import Fusion
from latency.statistics import median_interval, percentile
from PlainNet.errors import ZennasError
from PlainNet.ops import OpGraph
from PlainNet.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn


class LatencyError(ZennasError, RuntimeError):
    """A latency that cannot be measured or predicted; the message names value, limit and way out."""


class UnavailableError(LatencyError):
    """A back end, or a device of it, that this machine has not."""


def first_line(error: object) -> str:
    """What an error says first, or its name: libraries say a lot."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


@dataclass(frozen=True)
class Subject:
    """A network to time: its operations, and how to make the module.

    graph: for one image, classifier included. build: a fresh module in evaluation mode, on the CPU, in float32, with
    the same weights each time.
    """

    name: str
    graph: OpGraph
    build: Callable[[], nn.Module]


@dataclass(frozen=True)
class MeasureSettings:
    """How to measure. A latency says little without all of these.

    threads: of the CPU, inside one operation; GPUs ignore it. relative_error: half the 95 % interval of the median, as
    a share of it, at which enough was measured. seconds: at most so long for one network, warm-up included. seed: of
    the input. options: what else a back end can be told, such as "compile"; each lists what it knows.
    """

    backend: str = "torch"
    precision: str = "fp32"
    device: str = "cpu"
    batch_size: int = 1
    threads: int = 1
    relative_error: float = 0.01
    seconds: float = 10.0
    seed: int = 0
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("batch_size", "threads"):
            if getattr(self, name) < 1:
                raise LatencyError(f"{name} is {getattr(self, name)}, expected at least 1")
        if not 0 < self.relative_error < 1:
            raise LatencyError(
                f"relative_error is {self.relative_error}, expected a share between 0 and 1, such as 0.01"
            )
        if not self.seconds > 0:
            raise LatencyError(f"seconds is {self.seconds}, expected more than 0")


WARM_UP = 3
"""Runs before those that `Session.layers` times, or a back end records: libraries choose and allocate in the first."""


class LayerTime(NamedTuple):
    """One kernel of a network as the back end ran it.

    nodes: indices into `OpGraph.nodes` of what it computes, as `layers.attributed` finds it from the kernel's name;
    empty for what the back end added by itself, such as a change of layout. ms: mean of the middle half of the
    repeats, for the whole batch.
    """

    name: str
    nodes: tuple[int, ...]
    ms: float


class Session(Protocol):
    """A prepared network with its input in place."""

    clock: str
    """How runs are timed: "cpu" by the monotonic clock, "cuda" by events on the current stream."""

    def run(self) -> None:
        """Run once; on a GPU it may return before the work is done."""

    def output(self) -> NDArray[np.float32]:
        """The logits of the input in place, (batch, classes)."""

    def layers(self, repeats: int) -> list[LayerTime]:
        """The kernels in order of execution, each timed `repeats` times. Raises LatencyError where it cannot tell."""


class LatencyBackend(Protocol):
    """One way to run networks."""

    name: str
    precisions: tuple[str, ...]
    tolerance: Mapping[str, float]
    """By precision: how far logits may be from PyTorch's in float32, root mean square over root mean square."""
    options: tuple[str, ...]
    """What `MeasureSettings.options` may hold."""
    fusion: Fusion
    """Which operations run as one kernel, as a rule, without options."""

    def available(self, precision: str = "fp32", device: str = "cpu") -> str | None:
        """None where it can run here; else why not, and what to install."""

    def prepare(
        self, subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]
    ) -> AbstractContextManager[Session]:
        """Get ready to run `subject` on `batch`, (N, C, H, W). Raises LatencyError."""

    def versions(self) -> dict[str, str]:
        """Libraries that decide the outcome, and their versions."""


BACKENDS: Registry[LatencyBackend] = Registry(
    "latency back end", "latency.backends", "zennas.latency_backends", lambda backend: (backend.name,)
)
"""The back ends by name; the files of `backends/` add theirs."""


@dataclass(frozen=True)
class LatencyStats:
    """A measured latency with all that it depends on, in milliseconds for the whole batch, `latency_ms` for one image.

    samples: of every repetition, for the whole batch, in order. settled: whether `relative_error` was reached.
    difference: from PyTorch's logits, root mean square over root mean square.
    conditions: device, driver, clocks, versions, threads and load, as far as they could be read.
    """

    network: str
    settings: MeasureSettings
    samples: Sequence[float]
    settled: bool
    difference: float
    conditions: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return percentile(self.samples, 0.5)

    @property
    def p50(self) -> float:
        return self.median

    @property
    def p90(self) -> float:
        return percentile(self.samples, 0.9)

    @property
    def p99(self) -> float:
        return percentile(self.samples, 0.99)

    @property
    def mean(self) -> float:
        return sum(self.samples) / len(self.samples)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the median; None for fewer than six samples."""
        return median_interval(self.samples)

    @property
    def latency_ms(self) -> float:
        """The median, for one image."""
        return self.median / self.settings.batch_size

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON takes it; `latency_ms` is for one image, what ends in `batch_ms` for the whole batch."""
        return {
            "network": self.network,
            **asdict(self.settings),
            "latency_ms": self.latency_ms,
            "median_batch_ms": self.median,
            "interval_batch_ms": self.interval,
            "p90_batch_ms": self.p90,
            "p99_batch_ms": self.p99,
            "mean_batch_ms": self.mean,
            "settled": self.settled,
            "difference": self.difference,
            "conditions": self.conditions,
            "samples_batch_ms": list(self.samples),
        }
