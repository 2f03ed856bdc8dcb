"""Contracts of executors: each task gets its own answer, errors are raised, and a dead worker costs one retry."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zennas.searching.executors.base import Executor, ExecutorSettings, Running, WorkerDiedError, open_executor
from zennas.testing.expecting import expect, expect_equal


@dataclass(frozen=True)
class Squares:
    """Squares numbers. Raises an error for 13; kills its process at 7, as many times as the file `fatal` says."""

    fatal: Path | None = None
    torch: bool = False

    def prepare(self) -> Callable[[int], int]:
        return self.square

    def square(self, number: int) -> int:
        if number == 13:
            raise ValueError("13 is unlucky")
        if number == 7 and self.fatal is not None:
            left = int(self.fatal.read_text())
            if left:
                self.fatal.write_text(str(left - 1))
                os.kill(os.getpid(), signal.SIGKILL)
        return number * number


@contextmanager
def started(executor: Executor, work: Squares) -> Iterator[Running[int, int]]:
    """Start the executor with that work, with two workers if it supports several."""
    with open_executor(work, ExecutorSettings(executor.name, 2 if executor.parallel else None), tasks=100) as running:
        yield running


def answers_come_to_their_tasks(executor: Executor) -> str | None:
    """Each task gets its own answer, in whatever order the answers are requested."""
    if executor.available() is not None:
        return executor.available()
    with started(executor, Squares()) as running:
        out = [running.submit(number) for number in range(12)]
        found = [pending.result() for pending in reversed(out)]
    expect_equal(found, [n * n for n in reversed(range(12))], "the answers")
    return None


def what_a_task_raises_is_raised(executor: Executor) -> str | None:
    """An error of a task is raised with its message, and the executor continues to work."""
    if executor.available() is not None:
        return executor.available()
    with started(executor, Squares()) as running:
        try:
            running.submit(13).result()
        except ValueError as error:
            expect_equal(str(error), "13 is unlucky", "the error of a task")
        else:
            raise AssertionError("the error of a task was not raised")
        expect_equal(running.submit(3).result(), 9, "the answer after an error")
    return None


def a_worker_that_dies_costs_one_retry(executor: Executor) -> str | None:
    """A task is tried again once after its worker died, then it fails; all other tasks get their answers."""
    if executor.available() is not None:
        return executor.available()
    if not executor.parallel:
        return f"{executor.name} has no workers that could die"
    for deaths in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            fatal = Path(folder) / "fatal"
            fatal.write_text(str(deaths))
            with started(executor, Squares(fatal)) as running:
                out = {number: running.submit(number) for number in range(10)}
                for number, pending in out.items():
                    try:
                        found: object = pending.result()
                    except WorkerDiedError:
                        found = "died"
                    died = number == 7 and deaths == 2
                    expect_equal(found, "died" if died else number**2, f"the answer for {number} after {deaths} deaths")
                expect(running.submit(5).result() == 25, "the executor does not work after a worker died")
    return None


CONTRACTS: tuple[Callable[[Executor], str | None], ...] = (
    answers_come_to_their_tasks,
    what_a_task_raises_is_raised,
    a_worker_that_dies_costs_one_retry,
)
