"""Measuring a network: check that it can run, compare its output with PyTorch's, then time it.

    stats = measure(subject, MeasureSettings("onnxruntime", precision="int8"))
    stats.latency_ms, stats.interval, stats.settled

Whatever the back end, its logits are compared with those of PyTorch in float32 on the CPU before a time is reported.
`latency.measure(…)`, which calls this module, accepts structures and modules.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from latency.base import (
    BACKENDS,
    LatencyBackend,
    LatencyError,
    LatencyStats,
    LayerTime,
    MeasureSettings,
    QuantisedSession,
    Session,
    Subject,
    UnavailableError,
    WrongRequestError,
)
from latency.measuring.conditions import available_memory, conditions, load, waited_seconds
from latency.measuring.timing import Sampler, clock_of, take_turns
from latency.measuring.weights import weight_count
from PlainNet.ops import HEAD, OpGraph

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TooBigError(LatencyError):
    """A network or batch does not fit in memory."""


MOST_WAITING = 0.05
"""A latency is not settled if the process waited for a processor for a larger share of the time: its median is that of
a shared machine."""
COMPARED_IMAGES = 8
"""Logits are compared for this many images of a batch at most: in evaluation mode, images do not influence each
other."""
LAYER_REPEATS = 50


@dataclass(frozen=True)
class BlockTime:
    """A block's index (`HEAD` for the classifier), and the milliseconds of its kernels for the whole batch."""

    block: int
    path: str
    ms: float
    kernels: int


@dataclass(frozen=True)
class Breakdown:
    """Where the time of a network goes, in milliseconds for the whole batch.

    whole: the measured latency. blocks: times of the blocks in order. rest_ms: kernels that belong to no block, such as
    changes of layout. layers: the single kernels. Kernels are timed one by one, and a profiler adds some time to each.
    Therefore their sum differs from `whole.median`, and their shares are more reliable than their times.
    """

    whole: LatencyStats
    blocks: tuple[BlockTime, ...]
    rest_ms: float
    layers: tuple[LayerTime, ...] = field(repr=False)

    @property
    def sum_ms(self) -> float:
        """The sum of the times of all kernels, in milliseconds for the whole batch."""
        return self.rest_ms + sum(block.ms for block in self.blocks)

    def share(self, block: BlockTime) -> float:
        """The block's share of the sum over all kernels, 0 to 1."""
        return block.ms / self.sum_ms if self.sum_ms else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return everything for JSON, except the single kernels."""
        blocks = [
            {
                "block": block.block,
                "path": block.path,
                "batch_ms": block.ms,
                "share": self.share(block),
                "kernels": block.kernels,
            }
            for block in self.blocks
        ]
        return {**self.whole.to_json(), "blocks": blocks, "rest_batch_ms": self.rest_ms, "sum_batch_ms": self.sum_ms}


def measure(subject: Subject, settings: MeasureSettings) -> LatencyStats:
    """Measure the latency of one network.

    Raises LatencyError; UnavailableError if a library is missing, which says what to install.
    """
    return compare([subject], settings)[0]


def compare(subjects: Sequence[Subject], settings: MeasureSettings) -> list[LatencyStats]:
    """Measure several networks in turns within one run, so that drift affects all of them alike.

    All networks are held in memory at once. The time limit is `settings.seconds` times their number. Raises
    LatencyError.
    """
    backend = _backend(settings)
    with ExitStack() as stack:
        prepared = [stack.enter_context(_prepared(backend, subject, settings)) for subject in subjects]
        return _timed(backend, subjects, prepared, settings)


def measure_blocks(subject: Subject, settings: MeasureSettings, repeats: int = LAYER_REPEATS) -> Breakdown:
    """Measure the latency of a network, and the time of each of its blocks. Raises LatencyError."""
    backend = _backend(settings)
    with _prepared(backend, subject, settings) as prepared:
        whole = _timed(backend, [subject], [prepared], settings)[0]
        layers = _layers(prepared.session, subject, repeats)
    return Breakdown(whole, *_by_block(subject.graph, layers), tuple(layers))


def measure_layers(subject: Subject, settings: MeasureSettings, repeats: int = LAYER_REPEATS) -> list[LayerTime]:
    """Time the kernels of a network, checking its output but not timing it as a whole. Raises LatencyError."""
    backend = _backend(settings)
    with _prepared(backend, subject, settings) as prepared:
        return _layers(prepared.session, subject, repeats)


def images(subject: Subject, settings: MeasureSettings) -> NDArray[np.float32]:
    """Return the batch on which a network is timed: seeded noise of unit variance, (N, C, H, W)."""
    import numpy as np

    rng = np.random.default_rng(settings.seed)
    shape = (settings.batch_size, *subject.graph.input.dims)
    return rng.standard_normal(shape, dtype=np.float32)


def reference(subject: Subject, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return PyTorch's logits in float32 on the CPU, for the first images of a batch."""
    import torch

    with torch.no_grad():
        logits = subject.build()(torch.from_numpy(batch[:COMPARED_IMAGES]))
    found: NDArray[np.float32] = logits.numpy()
    return found


def difference(logits: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """How far logits are from the expected ones: root mean square of the difference divided by that of the expected
    logits; infinite if a logit is not finite."""
    import numpy as np

    if logits.shape != expected.shape or not np.isfinite(logits).all():
        return math.inf
    scale = float(np.sqrt(np.mean(np.square(expected, dtype=np.float64))))
    error = float(np.sqrt(np.mean(np.square(logits.astype(np.float64) - expected))))
    return error / scale if scale > 0 else (0.0 if error == 0 else math.inf)


def needed_memory(graph: OpGraph, batch_size: int, bytes_each: int = 4) -> int:
    """The bytes that running the network needs at least: its weights, and the values that exist at the same time."""
    last_read = {value: index for index, node in enumerate(graph.nodes) for value in node.inputs}
    alive = {0: graph.input.elements}
    most = graph.input.elements
    for index, node in enumerate(graph.nodes):
        alive[index + 1] = node.shape.elements
        most = max(most, sum(alive.values()))
        alive = {value: size for value, size in alive.items() if last_read.get(value, index) > index}
    return bytes_each * (weight_count(graph) + batch_size * most)


# -- steps -------------------------------------------------------------------------------------


class _Prepared:
    """A session, and the difference of its logits from PyTorch's.

    calm: the difference with calmer weights, if the first one is noise of quantisation above the limit, else None.
    """

    def __init__(self, session: Session, off: float, calm: float | None = None) -> None:
        self.session = session
        self.off = off
        self.calm = calm


def _backend(settings: MeasureSettings) -> LatencyBackend:
    """Return the back end that the settings name. Raises LatencyError if it does not support them."""
    backend = BACKENDS.get(settings.backend)
    if settings.precision not in backend.precisions:
        raise WrongRequestError(
            f"{backend.name} has no precision {settings.precision!r}, expected {' or '.join(backend.precisions)}"
        )
    unknown = [option for option in settings.options if option not in backend.options]
    if unknown:
        known = f"expected {' or '.join(backend.options)}" if backend.options else "it has none"
        raise WrongRequestError(f"{backend.name} has no option {unknown[0]!r}, {known}")
    reason = backend.available(settings.precision, settings.device)
    if reason is not None:
        raise UnavailableError(f"{backend.name} cannot run here: {reason}")
    return backend


@contextmanager
def _prepared(backend: LatencyBackend, subject: Subject, settings: MeasureSettings) -> Iterator[_Prepared]:
    """Yield a session that computes what PyTorch computes. Raises LatencyError if the logits differ too much."""
    _check_memory(subject, settings)
    with _memory_errors(subject, settings):
        batch = images(subject, settings)
        with backend.prepare(subject, settings, batch) as session:
            expected = reference(subject, batch)
            off = difference(session.output()[: len(expected)], expected)
            limit = backend.tolerance[settings.precision]
            calm = None
            if limit < off < math.inf and settings.precision == "int8" and subject.calmer is not None:
                calm = _calm_difference(backend, subject, settings, batch)
            if not off <= limit and (calm is None or not calm <= limit):
                raise LatencyError(
                    f"{backend.name} in {settings.precision} does not compute the same function as {subject.name}: "
                    f"its logits differ by {off:.3g} of their root mean square, at most {limit:g} is allowed; "
                    "no time is reported, try a higher precision"
                )
            yield _Prepared(session, off, calm)


def _calm_difference(
    backend: LatencyBackend, subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]
) -> float:
    """The difference of the same graph with weights that hardly amplify errors of rounding. Raises LatencyError.

    A wrong graph is wrong with these weights too, but the noise of quantisation is small. Untrained EfficientNets
    amplify it until nothing else is left of their logits.
    """
    assert subject.calmer is not None
    calm = replace(subject, build=subject.calmer, calmer=None)
    with backend.prepare(calm, settings, batch) as session:
        expected = reference(calm, batch)
        return difference(session.output()[: len(expected)], expected)


def _timed(
    backend: LatencyBackend, subjects: Sequence[Subject], prepared: Sequence[_Prepared], settings: MeasureSettings
) -> list[LatencyStats]:
    if not prepared:
        return []
    clock_kind = prepared[0].session.clock
    clock = clock_of(clock_kind, settings.device)
    before = load()
    left = [_in_float(one.session) if settings.precision == "int8" else {} for one in prepared]
    samplers = [Sampler(one.session.run, clock, settings.relative_error) for one in prepared]
    waited, began = waited_seconds(), time.perf_counter()
    timings = take_turns(samplers, settings.seconds)
    waiting = _share(waited, waited_seconds(), time.perf_counter() - began)
    now = conditions(settings.device, settings.threads, backend.versions())
    now["load"] = {"before": before, "after": now["load"]}
    now["waiting_share"] = waiting
    now["arithmetic"] = backend.arithmetic[settings.precision]
    return [
        LatencyStats(
            subject.name,
            settings,
            timing.samples,
            timing.settled and (clock_kind != "cpu" or waiting is None or waiting <= MOST_WAITING),
            one.off,
            {
                **now,
                "runs_a_sample": timing.inner,
                "warm_up_runs": timing.warm_up,
                **({} if one.calm is None else {"difference_with_calm_weights": one.calm}),
                **said,
            },
            resolution=subject.graph.input.size,
        )
        for subject, one, timing, said in zip(subjects, prepared, timings, left, strict=True)
    ]


def _share(before: float | None, after: float | None, seconds: float) -> float | None:
    """The share of the time in which this process waited for a processor; None if the system does not tell."""
    return None if before is None or after is None else max(0.0, after - before) / seconds


def _in_float(session: Session) -> dict[str, Any]:
    """What a quantised network computes in float32, for the conditions; nothing if the library does not tell."""
    if not isinstance(session, QuantisedSession):
        return {}
    found = session.in_float()
    return {"in_float32": {"text": str(found), **found.to_json()}}


def _layers(session: Session, subject: Subject, repeats: int) -> list[LayerTime]:
    if repeats < 1:
        raise LatencyError(f"repeats is {repeats}, expected at least 1")
    layers = session.layers(repeats)
    if not layers:
        raise LatencyError(f"the back end reports no kernels for {subject.name}")
    return layers


def _by_block(graph: OpGraph, layers: Sequence[LayerTime]) -> tuple[tuple[BlockTime, ...], float]:
    """Times by block, in order, and the time of no block. A kernel of several blocks counts for the first one."""
    times: defaultdict[int, list[float]] = defaultdict(list)
    rest = 0.0
    for layer in layers:
        if layer.nodes:
            times[graph.nodes[layer.nodes[0]].block].append(layer.ms)
        else:
            rest += layer.ms
    order: dict[int, str] = {}
    for node in graph.nodes:
        order.setdefault(node.block, "head" if node.block == HEAD else node.path)
    blocks = tuple(BlockTime(block, path, math.fsum(times[block]), len(times[block])) for block, path in order.items())
    return blocks, rest


_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}


def _check_memory(subject: Subject, settings: MeasureSettings) -> None:
    needed = needed_memory(subject.graph, settings.batch_size, _BYTES.get(settings.precision, 4))
    if settings.precision == "int8" and settings.device == "cpu":  # calibration runs in float32 and keeps all values
        needed = max(needed, 4 * settings.batch_size * sum(node.shape.elements for node in subject.graph.nodes))
    free = available_memory(settings.device)
    if free is not None and needed > free:
        raise _too_big(subject, settings, f"needs at least {needed / 1e9:.1f} GB with {free / 1e9:.1f} GB free,")


@contextmanager
def _memory_errors(subject: Subject, settings: MeasureSettings) -> Iterator[None]:
    """Turn failed allocations into LatencyErrors."""
    try:
        yield
    except MemoryError:
        raise _too_big(subject, settings, "ran out of memory") from None
    except TooBigError:  # of another network that is measured in turns with this one
        raise
    except Exception as error:  # every library has its own type of error, but the text says so
        if not any(word in str(error).lower() for word in _MEMORY_WORDS):
            raise
        raise _too_big(subject, settings, "ran out of memory") from error


_MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "failed to allocate", "bad allocation")


def _too_big(subject: Subject, settings: MeasureSettings, what: str) -> TooBigError:
    return TooBigError(
        f"{subject.name} {what} at batch size {settings.batch_size} and resolution {subject.graph.input.size} "
        f"on {settings.device}: use a smaller batch"
    )
