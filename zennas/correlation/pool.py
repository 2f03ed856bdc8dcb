"""Carrying out scoring tasks, in this process or in several.

Networks are scored on one thread of the CPU each, in whatever process: the values then do not depend on how many
there are, and on small networks threads gain less than processes.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from zennas.correlation.scoring import Job, Task, carry_out
from zennas.correlation.settings import CorrelateError
from zennas.runs.store import Scoring

MANY = 2000
"""Closed forms take milliseconds: that many are worth the start of a process."""


def scored(job: Job, tasks: list[Task], workers: int) -> Generator[list[Scoring], None, None]:
    """The scorings of each task, in the order in which they are done. Close it to end the processes.

    Processes are started where it pays: several are asked for, and networks have to be run or there are many
    structures. Raises CorrelateError where one of them dies.
    """
    if workers > 1 and len(tasks) > (1 if job.torch else MANY):
        yield from _in_processes(job, tasks, min(workers, len(tasks)))
        return
    with _one_thread() if job.torch else nullcontext():
        for task in tasks:
            yield carry_out(job, task)


def _in_processes(job: Job, tasks: list[Task], workers: int) -> Iterator[list[Scoring]]:
    started: dict[Connection, BaseProcess] = {}
    try:
        with _interruptions_ignored():
            for _ in range(workers):
                ours, process = _start(job)
                started[ours] = process
        yield from _handed_out(started, iter(tasks))
    finally:
        for connection, process in started.items():
            connection.close()
            process.terminate()
        for process in started.values():
            process.join()


def _start(job: Job) -> tuple[Connection, BaseProcess]:
    # A fork would inherit torch's thread pools in whatever state they are.
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, job), daemon=True)
    process.start()
    theirs.close()  # the only other end is the worker's, so that its death is noticed
    return ours, process


def _handed_out(started: dict[Connection, BaseProcess], tasks: Iterator[Task]) -> Iterator[list[Scoring]]:
    """Keep every worker busy until there is no task left and all have answered."""
    busy: dict[Connection, Task] = {}

    def give(connection: Connection) -> None:
        task = next(tasks, None)
        if task is None:
            return
        busy[connection] = task
        try:
            connection.send(task)
        except OSError:
            raise _death(started[connection], task) from None

    for connection in started:
        give(connection)
    while busy:
        for ready in wait(list(busy)):
            assert isinstance(ready, Connection)
            task = busy.pop(ready)
            try:
                answer = ready.recv()
            except (EOFError, OSError):
                raise _death(started[ready], task) from None
            if isinstance(answer, Exception):
                raise answer
            give(ready)
            yield answer


def _death(process: BaseProcess, task: Task) -> CorrelateError:
    process.join(5)
    return CorrelateError(
        f"a worker process ended with exit code {process.exitcode} at {str(task.structure)[:120]}: resume the run, "
        "with fewer workers if memory ran out; scripts have to call this under if __name__ == '__main__'"
    )


def _work(connection: Connection, job: Job) -> None:
    """What a worker does until the other end of its pipe is closed."""
    if job.torch:
        import torch

        torch.set_num_threads(1)
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        answer: list[Scoring] | CorrelateError
        try:
            answer = carry_out(job, task)
        except Exception as error:
            what = " ".join(f"{type(error).__name__}: {error}".split())
            answer = CorrelateError(f"scoring {str(task.structure)[:120]} fails: {what}")
        try:
            connection.send(answer)
        except OSError:
            return


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _interruptions_ignored() -> Iterator[None]:
    """Processes that are started inside leave Ctrl-C, which reaches them too, to the one that started them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
