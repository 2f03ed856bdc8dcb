"""Every registered executor carries out tasks as if it were one process doing one after the other."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from latency.base import UnavailableError
from zennas.common.errors import WrongSettingError
from zennas.searching.executors.base import (
    EXECUTORS,
    ExecutorSettings,
    Running,
    WorkerDiedError,
    open_executor,
)


@dataclass(frozen=True)
class Squares:
    """Squares numbers. Fails for 13; its process dies at 7 as long as the file `fatal` says so."""

    fatal: Path | None = None
    torch: bool = False

    def prepare(self) -> Callable[[int], int]:
        return self.square

    def square(self, number: int) -> int:
        if number == 13:
            raise ValueError("13 is unlucky")
        if number == 7 and self.fatal is not None and self.fatal.exists():
            left = int(self.fatal.read_text())
            if left:
                self.fatal.write_text(str(left - 1))
                os.kill(os.getpid(), signal.SIGKILL)
        return number * number


@contextmanager
def running(name: str, work: Squares, workers: int = 2) -> Iterator[Running[int, int]]:
    executor = EXECUTORS.get(name)
    if executor.available() is not None:
        pytest.skip(str(executor.available()))
    settings = ExecutorSettings(name, workers if executor.parallel else None)
    with open_executor(work, settings, tasks=100) as found:
        yield found


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.slow) if name == "ray" else name for name in EXECUTORS.names()]
)
def executor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_answers_come_to_their_tasks(executor: str) -> None:
    with running(executor, Squares()) as started:
        out = [started.submit(number) for number in range(12)]
        assert [pending.result() for pending in reversed(out)] == [n * n for n in reversed(range(12))]


def test_what_a_task_raises_is_raised(executor: str) -> None:
    with running(executor, Squares()) as started:
        try:
            pending = started.submit(13)
            pending.result()
        except ValueError as error:
            assert str(error) == "13 is unlucky"  # a serial one raises when the task is handed out
        else:
            pytest.fail("nothing was raised")
        assert started.submit(3).result() == 9


@pytest.mark.parametrize(("deaths", "survives"), [(1, True), (2, False)])
def test_a_worker_that_dies_costs_one_retry_and_then_a_failure(
    executor: str, tmp_path: Path, deaths: int, survives: bool
) -> None:
    if not EXECUTORS.get(executor).parallel:
        pytest.skip("it has no workers")
    fatal = tmp_path / "fatal"
    fatal.write_text(str(deaths))
    with running(executor, Squares(fatal)) as started:
        out = [started.submit(number) for number in range(20) if number != 13]
        answers: list[object] = []
        for pending in out:
            try:
                answers.append(pending.result())
            except WorkerDiedError as error:  # noqa: PERF203
                assert "twice" in str(error)
                answers.append("died")
        assert started.submit(5).result() == 25  # it goes on
    expected: list[object] = [n * n for n in range(20) if n != 13]
    if not survives:
        expected[7] = "died"
    assert answers == expected


def test_wrong_settings() -> None:
    with pytest.raises(WrongSettingError, match="workers is 2, but the executor serial has only one: choose pool"):
        ExecutorSettings("serial", 2)
    with pytest.raises(WrongSettingError, match="is only for the executor ray: add --executor ray"):
        ExecutorSettings(address="auto")
    with pytest.raises(WrongSettingError, match="workers is 0, expected"):
        ExecutorSettings(workers=0)
    with (
        pytest.raises(ValueError, match=r"unknown executor 'pul' \(did you mean pool\?\)"),
        open_executor(Squares(), ExecutorSettings("pul"), 1),
    ):
        pass


def test_an_executor_that_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zennas.searching.executors.ray.find_spec", lambda name: None)
    with (
        pytest.raises(UnavailableError, match=r"executor ray cannot run here: .*pip install 'zennas\[ray\]'"),
        open_executor(Squares(), ExecutorSettings("ray"), 1),
    ):
        pass
