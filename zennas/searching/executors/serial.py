"""An executor that uses only this process. It suits closed-form scores, which take microseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic

from zennas.searching.executors.base import EXECUTORS, Answer, Done, Running, Task, Work, one_thread


class _Here(Generic[Task, Answer]):
    def __init__(self, carry_out: Callable[[Task], Answer]) -> None:
        self._carry_out = carry_out

    def submit(self, task: Task) -> Done[Answer]:
        return Done(self._carry_out(task))


class Serial:
    """Carries out each task when it is submitted."""

    name = "serial"
    summary = "in this process, one after the other"
    parallel = False

    def available(self) -> str | None:
        return None

    @contextmanager
    def start(self, work: Work[Task, Answer], workers: int, address: str | None) -> Iterator[Running[Task, Answer]]:
        with one_thread(work.torch):
            yield _Here(work.prepare())


EXECUTORS.add("serial", Serial())
