"""What a latency back end is, and what it returns. No torch.

A back end is one file in `backends/`: it prepares a `Subject` under `MeasureSettings` as a `Session`, which runs the
network once per call. `measuring/measure.py` compares the session with PyTorch, times it with `measuring/timing.py`,
and keeps the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from latency.kernels import Fusion
from latency.statistics import median_interval, percentile
from PlainNet.errors import ZennasError
from PlainNet.ops import OpGraph
from PlainNet.registry import Registry
from PlainNet.sizes import Size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn


class LatencyError(ZennasError, RuntimeError):
    """A latency cannot be measured or predicted; the message names the value, the limit and the way out."""


class WrongRequestError(LatencyError):
    """A back end is asked for a precision or an option that it does not have."""


class UnavailableError(LatencyError):
    """A back end, or a device that it needs, is not available on this machine."""


def first_line(error: object) -> str:
    """The first line of an error's message, at most 200 characters, or the error's type if the message is empty."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


@dataclass(frozen=True)
class Subject:
    """A network to time: its operations, and a function that builds the module.

    name: what messages call it. graph: the operations for one image, classifier included. build: returns a new module
    in evaluation mode, on the CPU, in float32, with the same weights on every call. calmer: likewise, with weights that
    amplify errors of rounding less; None if `build` has such weights already.
    """

    name: str
    graph: OpGraph
    build: Callable[[], nn.Module]
    calmer: Callable[[], nn.Module] | None = None


@dataclass(frozen=True)
class MeasureSettings:
    """How to measure a latency. All of these influence the result.

    backend: name of a back end. precision: fp32, fp16, bf16 or int8, if the back end supports it. device: "cpu", "cuda"
    or "cuda:1". batch_size: images per run. threads: CPU threads within one operation; ignored on GPUs.
    relative_error: stop when half the 95 % confidence interval of the median is at most this share of the median,
    between 0 and 1. seconds: time limit for one network, warm-up included. seed: of the input images. options: further
    options of the back end, such as "compile".

    Raises LatencyError if a value is out of range.
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

    def __str__(self) -> str:
        """What the latency depends on: `onnxruntime int8, 1 thread, batch 8`."""
        where = f"{self.threads} thread{'s' if self.threads > 1 else ''}" if self.device == "cpu" else self.device
        return ", ".join([f"{self.backend} {self.precision}, {where}, batch {self.batch_size}", *self.options])


WARM_UP = 3
"""Untimed runs before layers are timed or recorded: libraries choose kernels and allocate memory in the first runs."""


class LayerTime(NamedTuple):
    """One kernel of a network, as the back end ran it.

    name: the back end's name of the kernel. nodes: indices into `OpGraph.nodes` of the operations that it computes,
    found by `attributed` in `measuring/layers.py`; empty for what the back end adds by itself, such as a change of
    layout. ms: mean of the middle half of the repeats, in milliseconds for the whole batch.
    """

    name: str
    nodes: tuple[int, ...]
    ms: float


class Session(Protocol):
    """A network that is ready to run on an input that is already in place."""

    clock: str
    """How runs are timed: "cpu" with the monotonic clock, "cuda" with events on the current stream."""

    def run(self) -> None:
        """Run the network once. On a GPU it may return before the work is finished."""

    def output(self) -> NDArray[np.float32]:
        """Return the logits for the input in place, (batch, classes)."""

    def layers(self, repeats: int) -> list[LayerTime]:
        """Return the kernels in order of execution, each timed `repeats` times.

        Raises LatencyError if the back end cannot time single kernels.
        """


@runtime_checkable
class QuantisedSession(Session, Protocol):
    """A session that can tell what of a quantised file it computes in floating point."""

    def in_float(self) -> Any:
        """Return a `latency.measuring.in_float.InFloat`."""


class LatencyBackend(Protocol):
    """A library that runs networks. See CONTRIBUTING.md for an example."""

    name: str
    precisions: tuple[str, ...]
    tolerance: Mapping[str, float]
    """Largest allowed difference from PyTorch's float32 logits for each precision: root mean square of the difference
    divided by root mean square of the logits."""
    arithmetic: Mapping[str, str]
    """What each precision is computed in, which the back end sets and does not leave to the library's defaults."""
    options: tuple[str, ...]
    """The values that `MeasureSettings.options` may contain."""
    fusion: Fusion
    """Which operations usually run as one kernel, if no options are set."""

    def available(self, precision: str = "fp32", device: str = "cpu") -> str | None:
        """Return None if the back end can run here, else the reason why not and what to install."""

    def prepare(
        self, subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]
    ) -> AbstractContextManager[Session]:
        """Prepare to run `subject` on `batch`, (N, C, H, W). Raises LatencyError if that is not possible."""

    def versions(self) -> dict[str, str]:
        """Return the names and versions of the libraries that influence the result."""


BACKENDS: Registry[LatencyBackend] = Registry(
    "latency back end", "latency.backends", "zennas.latency_backends", lambda backend: (backend.name,)
)
"""The back ends by name; the files of `backends/` add theirs."""


@dataclass(frozen=True)
class Estimate:
    """What a compiler estimates for one image on a device that is not here.

    ms: milliseconds for one image, at `clock_hz`; without the operators in `elsewhere`. cycles: of the accelerator.
    sram_bytes: of its SRAM, with the compiler's own plan. elsewhere: the operators that do not run on the accelerator,
    and whose time nobody knows. compiler: its name and version. system: what it assumes of the memories around. layers:
    the parts of `ms`, operator by operator.
    """

    ms: float
    cycles: int
    clock_hz: float
    sram_bytes: int
    elsewhere: tuple[str, ...]
    operators: int
    compiler: str
    system: str
    layers: tuple[LayerTime, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return all fields but the layers for JSON."""
        found = {**asdict(self), "elsewhere": list(self.elsewhere)}
        del found["layers"]
        return found


class Estimator(Protocol):
    """A compiler that estimates latencies without the device.

    configurations: the names of the devices that it knows, the first of which is the default.
    """

    name: str
    configurations: tuple[str, ...]

    def available(self) -> str | None:
        """Return None if the compiler is installed, else what to install."""

    def fusion(self, configuration: str) -> Fusion:
        """Return which operations it compiles into one for a device."""

    def estimate(self, graph: OpGraph, build: Callable[[], nn.Module], configuration: str) -> Estimate:
        """Return the estimate of a network. build: makes its module.

        Raises UnavailableError, or LatencyError if the network has no form that the compiler takes.
        """


ESTIMATORS: Registry[Estimator] = Registry(
    "latency estimator", "latency.estimators", "zennas.latency_estimators", lambda estimator: (estimator.name,)
)
"""The estimators by name; the files of `estimators/` add theirs."""


@dataclass(frozen=True)
class LatencyStats:
    """A measured latency with everything that it depends on.

    All times are in milliseconds for the whole batch, except `latency_ms`, which is for one image.

    network: name of the network. samples: every repetition, in order. settled: whether the median reached the wanted
    precision (`relative_error`) within the time limit, on a machine that was free for it. difference: root mean square
    of the difference from PyTorch's logits, divided by the root mean square of the logits. conditions: device, driver,
    clocks, versions, threads and load, as far as they could be read. resolution: height and width of the input in
    pixels; one number for a square.
    """

    network: str
    settings: MeasureSettings
    samples: Sequence[float] = field(repr=False)
    settled: bool
    difference: float
    conditions: dict[str, Any] = field(default_factory=dict, repr=False)
    resolution: Size = field(kw_only=True)

    def __str__(self) -> str:
        """The latency in one line, with its interval and what it depends on."""
        batch = self.settings.batch_size
        spread = [f"p90 {self.p90 / batch:.4g}", f"{len(self.samples):,} samples"]
        if self.interval is not None:
            low, high = (ms / batch for ms in self.interval)
            spread.insert(0, f"95 % interval {low:.4g} to {high:.4g}")
        if not self.settled:
            spread.append("not stable yet")
        where = f"{self.network} at {self.resolution} pixels"
        return f"{where}: {self.latency_ms:.4g} ms per image ({', '.join(spread)}; {self.settings})"

    @property
    def median(self) -> float:
        """The median in milliseconds for the whole batch."""
        return percentile(self.samples, 0.5)

    @property
    def p50(self) -> float:
        """The median in milliseconds for the whole batch."""
        return self.median

    @property
    def p90(self) -> float:
        """The 90th percentile in milliseconds for the whole batch."""
        return percentile(self.samples, 0.9)

    @property
    def p99(self) -> float:
        """The 99th percentile in milliseconds for the whole batch."""
        return percentile(self.samples, 0.99)

    @property
    def mean(self) -> float:
        """The mean in milliseconds for the whole batch."""
        return sum(self.samples) / len(self.samples)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of the median in milliseconds for the whole batch, None for fewer than six
        samples."""
        return median_interval(self.samples)

    @property
    def latency_ms(self) -> float:
        """The median in milliseconds per image."""
        return self.median / self.settings.batch_size

    def to_json(self) -> dict[str, Any]:
        """Return all fields for JSON. `latency_ms` is per image; names that end in `batch_ms` are for the whole
        batch."""
        return {
            "network": self.network,
            "resolution": self.resolution,
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
