"""Measuring: what is refused, what is recorded, and that it all adds up."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

import latency
from latency.base import LatencyError, LatencyStats, LayerTime, MeasureSettings, Subject, UnavailableError
from latency.kernels import Fusion
from latency.measuring import measure as measuring
from latency.measuring.conditions import waited_seconds
from latency.measuring.measure import (
    compare,
    difference,
    images,
    measure,
    measure_blocks,
    measure_layers,
    needed_memory,
    reference,
)
from latency.measuring.subject import of_module, of_structure
from PlainNet import lower, parse
from PlainNet.registry import UnknownNameError
from tests.conftest import SMALL

SUBJECT = of_structure(parse(SMALL), 16, 10, name="small")
QUICK = MeasureSettings(seconds=0.05, relative_error=0.2)


class FakeSession:
    """Gives PyTorch's logits, changed by `change`, and takes no time."""

    clock = "cpu"

    def __init__(self, logits: NDArray[np.float32], log: list[str], name: str) -> None:
        self.logits = logits
        self.log = log
        self.name = name

    def run(self) -> None:
        self.log.append(self.name)

    def output(self) -> NDArray[np.float32]:
        return self.logits

    def layers(self, repeats: int) -> list[LayerTime]:
        return [LayerTime("first", (0, 1, 2), 1.0), LayerTime("copy", (), 0.25), LayerTime("rest", (3,), 0.5 * repeats)]


class FakeBackend:
    name = "fake"
    precisions = ("fp32",)
    tolerance = {"fp32": 0.01}  # noqa: RUF012
    arithmetic = {"fp32": "float32"}  # noqa: RUF012
    options = ("turbo",)
    fusion = Fusion()

    def __init__(self, change: Callable[[NDArray[np.float32]], NDArray[np.float32]], reason: str | None = None) -> None:
        self.change = change
        self.reason = reason
        self.log: list[str] = []

    def available(self, precision: str = "fp32", device: str = "cpu") -> str | None:
        return self.reason

    @contextmanager
    def prepare(self, subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]) -> Iterator[FakeSession]:
        yield FakeSession(self.change(reference(subject, batch)), self.log, subject.name)
        self.log.append(f"closed {subject.name}")

    def versions(self) -> dict[str, str]:
        return {"fake": "1.0"}


Use = Callable[..., FakeBackend]
Change = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Makes `fake` a back end whose logits are changed by a function."""

    def register(
        change: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda x: x, reason: str | None = None
    ) -> FakeBackend:
        backend = FakeBackend(change, reason)
        monkeypatch.setattr(measuring, "BACKENDS", {"fake": backend})
        return backend

    return register


FAKE = replace(QUICK, backend="fake")


def test_samples_and_conditions_are_kept(use: Use) -> None:
    use()
    stats = measure(SUBJECT, replace(FAKE, batch_size=4))
    assert stats.network == "small"
    assert stats.difference == 0
    assert stats.latency_ms == stats.median / 4
    assert stats.p50 <= stats.p90 <= stats.p99 <= max(stats.samples)
    assert stats.conditions["versions"] == {"fake": "1.0"}
    assert stats.conditions["cores"] >= 1
    assert set(stats.conditions["load"]) == {"before", "after"}
    record = json.loads(json.dumps(stats.to_json()))
    assert record["latency_ms"] == stats.latency_ms
    assert record["batch_size"] == 4
    assert record["resolution"] == stats.resolution == SUBJECT.graph.input.size
    assert len(record["samples_batch_ms"]) == len(stats.samples)


@pytest.mark.parametrize(("waited", "settled"), [((1.0, 1.0), True), ((1.0, 100.0), False), ((None, 3.0), True)])
def test_a_latency_on_a_busy_machine_is_not_settled(
    use: Use, monkeypatch: pytest.MonkeyPatch, waited: tuple[float | None, float], settled: bool
) -> None:
    use()
    timing = measuring.take_turns
    monkeypatch.setattr(measuring, "take_turns", lambda *of: [replace(one, settled=True) for one in timing(*of)])
    told = iter(waited)
    monkeypatch.setattr(measuring, "waited_seconds", lambda: next(told))
    stats = measure(SUBJECT, FAKE)
    assert stats.settled == settled
    share = stats.conditions["waiting_share"]
    assert (share is None) == (waited[0] is None)
    assert share is None or (share > measuring.MOST_WAITING) != settled


def test_the_system_tells_how_long_a_process_waited() -> None:
    found = waited_seconds()
    assert found is None or found >= 0


def test_statistics_are_those_of_the_samples() -> None:
    stats = LatencyStats("n", MeasureSettings(batch_size=2), [4.0, 1.0, 2.0, 3.0, 5.0, 6.0], True, 0.0, resolution=32)
    assert stats.median == 3.5
    assert stats.mean == 3.5
    assert stats.latency_ms == 1.75
    assert stats.interval == (1.0, 6.0)


def test_a_latency_is_printed_in_one_line_without_its_samples() -> None:
    how = MeasureSettings("onnxruntime", "int8", batch_size=2, options=("x",))
    stats = LatencyStats("n", how, [4.0, 1.0, 2.0, 3.0, 5.0, 6.0] * 200, False, 0.0, {"load": 1}, resolution=32)
    for text in (str(stats), f"{stats}", repr(stats)):
        assert "\n" not in text
        assert len(text) < 400
    assert str(stats).startswith("n at 32 pixels: 1.75 ms per image (95 % interval 1.5 to 2, p90 3, 1,200 samples, not")
    assert str(stats).endswith("; onnxruntime int8, 1 thread, batch 2, x)")


@pytest.mark.parametrize(
    ("change", "off"),
    [
        (lambda x: x * 1.05, "0.05"),
        (lambda x: x[::-1] * -1, "2"),
        (lambda x: np.where(x == x.max(), np.nan, x), "inf"),
        (lambda x: x[:, :5], "inf"),
    ],
)
def test_another_function_gets_no_time(
    use: Use, change: Callable[[NDArray[np.float32]], NDArray[np.float32]], off: str
) -> None:
    backend = use(change)
    with pytest.raises(
        LatencyError, match=rf"does not compute the same function as small: its logits differ by {off}.*at most 0\.01"
    ):
        measure(SUBJECT, FAKE)
    assert "small" not in backend.log  # never run


class NoisyBackend(FakeBackend):
    """INT8 with `wild` as the error of a network's own weights, and `calm` as that of calmer ones."""

    precisions = ("fp32", "int8")
    tolerance = {"fp32": 0.01, "int8": 0.6}  # noqa: RUF012
    arithmetic = {"fp32": "float32", "int8": "INT8"}  # noqa: RUF012

    def __init__(self, wild: float, calm: float) -> None:
        super().__init__(lambda logits: logits)
        self.wild, self.calm = wild, calm

    @contextmanager
    def prepare(self, subject: Subject, settings: MeasureSettings, batch: NDArray[np.float32]) -> Iterator[FakeSession]:
        off = self.calm if subject.calmer is None else self.wild
        yield FakeSession(reference(subject, batch) * (1 + off), self.log, subject.name)


def test_noise_of_quantisation_is_told_from_another_function(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = of_module("net", nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(256, 5)), (3, 8, 8))
    int8 = replace(QUICK, backend="fake", precision="int8")
    cases = ((0.3, 9.0, True), (4.0, 0.2, True), (4.0, 0.7, False), (4.0, math.nan, False), (math.inf, 0.0, False))
    for wild, calm, accepted in cases:
        monkeypatch.setattr(measuring, "BACKENDS", {"fake": NoisyBackend(wild, calm)})
        if accepted:
            stats = measure(subject, int8)
            assert stats.difference == pytest.approx(wild, rel=1e-5)
            told = stats.conditions.get("difference_with_calm_weights")
            assert told == (None if wild < 0.6 else pytest.approx(calm, rel=1e-5))
        else:
            with pytest.raises(LatencyError, match="does not compute the same function as net"):
                measure(subject, int8)
    monkeypatch.setattr(measuring, "BACKENDS", {"fake": NoisyBackend(0.0, 4.0)})
    with pytest.raises(LatencyError, match="does not compute the same function"):  # its own weights are calm
        measure(SUBJECT, int8)
    monkeypatch.setattr(measuring, "BACKENDS", {"fake": NoisyBackend(0.2, 0.0)})
    with pytest.raises(LatencyError, match="does not compute the same function as net"):  # float has no such noise
        measure(subject, replace(int8, precision="fp32"))


def test_a_small_difference_is_recorded(use: Use) -> None:
    use(lambda x: x * 1.005)
    assert measure(SUBJECT, FAKE).difference == pytest.approx(0.005, rel=1e-3)


def test_differences() -> None:
    one = np.ones((2, 3), np.float32)
    assert difference(one, one) == 0
    assert difference(1.5 * one, one) == pytest.approx(0.5)
    assert difference(one, 0 * one) == math.inf
    assert difference(0 * one, 0 * one) == 0
    assert difference(one * np.float32(np.inf), one) == math.inf


def test_only_the_first_images_of_a_large_batch_are_compared(use: Use) -> None:
    use()
    batch = images(SUBJECT, replace(FAKE, batch_size=20))
    assert len(batch) == 20
    assert len(reference(SUBJECT, batch)) == 8


def test_the_seed_decides_the_images() -> None:
    assert np.array_equal(images(SUBJECT, QUICK), images(SUBJECT, QUICK))
    assert not np.array_equal(images(SUBJECT, QUICK), images(SUBJECT, replace(QUICK, seed=1)))


def test_several_are_measured_in_turns(use: Use) -> None:
    backend = use()
    others = [replace(SUBJECT, name=name) for name in ("a", "b", "c")]
    found = compare(others, FAKE)
    assert [stats.network for stats in found] == ["a", "b", "c"]
    runs = [name for name in backend.log if not name.startswith("closed")]
    turns = [name for i, name in enumerate(runs) if i == 0 or runs[i - 1] != name]
    assert len(turns) >= 6
    assert backend.log[-3:] == ["closed c", "closed b", "closed a"]
    assert compare([], FAKE) == []


def test_blocks_and_the_rest_add_up(use: Use) -> None:
    use()
    found = measure_blocks(SUBJECT, FAKE, repeats=4)
    assert found.sum_ms == pytest.approx(3.25)
    assert found.rest_ms == 0.25
    assert [block.block for block in found.blocks] == [0, 1, 2, 3, 4, -1]
    assert found.blocks[0].ms == 1.0
    assert found.blocks[1].ms == 2.0
    assert found.share(found.blocks[0]) == pytest.approx(1 / 3.25)
    record = json.loads(json.dumps(found.to_json()))
    assert [block["batch_ms"] for block in record["blocks"]] == [1.0, 2.0, 0, 0, 0, 0]
    assert record["latency_ms"] == found.whole.latency_ms
    assert measure_layers(SUBJECT, FAKE, repeats=4) == list(found.layers)
    with pytest.raises(LatencyError, match="repeats is 0"):
        measure_layers(SUBJECT, FAKE, repeats=0)


def test_memory_is_asked_for_first(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    use()
    monkeypatch.setattr(measuring, "available_memory", lambda device: 10**9)
    with pytest.raises(
        LatencyError, match=r"small needs at least .* GB with 1\.0 GB free, at batch size 100000000 .*smaller batch"
    ):
        measure(SUBJECT, replace(FAKE, batch_size=100_000_000))


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\nmore")])
def test_running_out_of_memory_is_told_in_one_line(use: Use, error: Exception) -> None:
    def fail(x: NDArray[np.float32]) -> NDArray[np.float32]:
        raise error

    use(fail)
    with pytest.raises(
        LatencyError, match="small ran out of memory at batch size 1 and resolution 16 on cpu"
    ) as caught:
        measure(SUBJECT, FAKE)
    assert "\n" not in str(caught.value)


def test_other_errors_are_not_hidden(use: Use) -> None:
    def fail(x: NDArray[np.float32]) -> NDArray[np.float32]:
        raise RuntimeError("a bug")

    use(fail)
    with pytest.raises(RuntimeError, match="a bug"):
        measure(SUBJECT, FAKE)


def test_needed_memory_counts_what_is_alive_at_once() -> None:
    graph = lower(parse("ConvKX(3,8,1,1)ConvKX(8,8,1,1)ConvKX(8,4,1,1)"), resolution=4)
    weights = 3 * 8 + 8 * 8 + 8 * 4
    assert needed_memory(graph, 1) == 4 * (weights + 2 * 8 * 16)
    assert needed_memory(graph, 10) == 4 * (weights + 10 * 2 * 8 * 16)


def test_what_cannot_be_is_refused(use: Use) -> None:
    with pytest.raises(UnknownNameError, match="onnxruntime"):
        measure(SUBJECT, replace(QUICK, backend="onnx-runtime"))
    use(reason="the moon is wrong: wait")
    with pytest.raises(UnavailableError, match="fake cannot run here: the moon is wrong: wait"):
        measure(SUBJECT, FAKE)
    use()
    with pytest.raises(LatencyError, match="fake has no precision 'int8', expected fp32"):
        measure(SUBJECT, replace(FAKE, precision="int8"))
    with pytest.raises(LatencyError, match="fake has no option 'nitro', expected turbo"):
        measure(SUBJECT, replace(FAKE, options=("nitro",)))


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 0}, {"threads": 0}, {"relative_error": 0.0}, {"relative_error": 1.0}, {"seconds": 0.0}]
)
def test_settings_are_checked(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(LatencyError, match=f"{name} is 0|{name} is 1.0"):
        MeasureSettings(**wrong)  # type: ignore[arg-type]


def test_the_package_measures_what_it_is_given() -> None:
    call: Any = latency.measure  # a module that can be called
    stats = call(SMALL, resolution=16, seconds=0.05, relative_error=0.2, name="mine")
    assert stats.network == "mine"
    assert stats.settings.backend == "torch"
    assert stats.latency_ms > 0


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = """
import sys, latency, latency.base, latency.measuring.measure, latency.measuring.timing
latency.base.BACKENDS.names()
print({"torch", "numpy", "onnx", "onnxruntime", "openvino"} & set(sys.modules))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
