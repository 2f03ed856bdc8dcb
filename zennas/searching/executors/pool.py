"""An executor that uses several processes of this machine, with `concurrent.futures`.

If one process of a `ProcessPoolExecutor` dies, the whole pool is lost, and it does not say which task was responsible.
So all unfinished tasks are tried again, each in a process of its own; a task that kills its process a second time
fails.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, Generic

from zennas.searching.executors.base import EXECUTORS, Answer, Running, Task, Work, WorkerDiedError

_carry_out: Callable[[Any], Any] | None = None
"""In a worker: the function that carries out tasks."""


def _begin(work: Work[Any, Any]) -> None:
    """The first function that a worker runs."""
    global _carry_out
    Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C also reaches workers; the main process ends them
    if work.torch:
        import torch

        torch.set_num_threads(1)
    _carry_out = work.prepare()


def _end_with_parent() -> None:
    """End this worker when the main process has ended, also by SIGKILL, after which nobody else would end it."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _answer(task: Any) -> Any:
    assert _carry_out is not None  # `_begin` came first
    return _carry_out(task)


class _Out(Generic[Task, Answer]):
    """A submitted task, which survives its pool."""

    def __init__(self, pool: _Pool[Task, Answer], task: Task) -> None:
        self._pool = pool
        self.task = task
        self.future: Future[Answer] = Future()

    def result(self) -> Answer:
        try:
            return self.future.result()
        except BrokenProcessPool:
            self._pool.recover()
            return self.future.result()
        finally:
            self._pool.out.pop(id(self), None)


class _Pool(Generic[Task, Answer]):
    def __init__(self, work: Work[Task, Answer], workers: int) -> None:
        self._work, self._workers = work, workers
        self._executor = self._fresh(workers)
        self.out: dict[int, _Out[Task, Answer]] = {}

    def _fresh(self, workers: int) -> ProcessPoolExecutor:
        # A fork would inherit torch's thread pools in an undefined state.
        return ProcessPoolExecutor(workers, get_context("spawn"), _begin, (self._work,))

    def submit(self, task: Task) -> _Out[Task, Answer]:
        out = _Out(self, task)
        try:
            out.future = self._executor.submit(_answer, task)
        except BrokenProcessPool:
            self.recover()
            out.future = self._executor.submit(_answer, task)
        self.out[id(out)] = out
        return out

    def recover(self) -> None:
        """Carry out the unfinished tasks of the broken pool one by one, and start a new pool."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        for out in list(self.out.values()):
            if not out.future.done() or isinstance(out.future.exception(), BrokenProcessPool):
                out.future = self._alone(out.task)
        self._executor = self._fresh(self._workers)

    def _alone(self, task: Task) -> Future[Answer]:
        with self._fresh(1) as executor:
            again = executor.submit(_answer, task)
            if isinstance(again.exception(), BrokenProcessPool):
                failed: Future[Answer] = Future()
                failed.set_exception(
                    WorkerDiedError(
                        "the process that evaluated it died twice: out of memory, or a crash in a library; scripts "
                        "must start a search under if __name__ == '__main__'"
                    )
                )
                return failed
            return again

    def close(self) -> None:
        # After an interruption, running computations are no longer needed.
        processes = list((self._executor._processes or {}).values())
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


class Pool:
    """Several processes of this machine; the work is prepared once in each."""

    name = "pool"
    summary = "in several processes of this machine"
    parallel = True

    def available(self) -> str | None:
        return None

    @contextmanager
    def start(self, work: Work[Task, Answer], workers: int, address: str | None) -> Iterator[Running[Task, Answer]]:
        pool = _Pool(work, workers)
        try:
            yield pool
        finally:
            pool.close()


EXECUTORS.add("pool", Pool())
